"""What tests stand on and share: registries, servers, images, certificates, programs. No tests."""
