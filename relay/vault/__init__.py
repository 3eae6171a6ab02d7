"""Sign, seal and open; the only importer of `cryptography`."""
