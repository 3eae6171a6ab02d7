"""Real apps that no one here wrote, worked in with the extension on."""
