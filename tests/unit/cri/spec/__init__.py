"""config.json, part by part: the rules of CRI-O that each part follows."""
