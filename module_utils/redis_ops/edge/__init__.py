"""Where the core meets Ansible. Each module takes the parts that it needs: what it imports is sent to every host."""
