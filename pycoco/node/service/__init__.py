"""The CRI image service in front of CRI-O's: what the kubelet asks is passed on, but for pulls of encrypted images.

It needs the extra `node`. `server` puts it together; nothing here is for programs to import.
"""
