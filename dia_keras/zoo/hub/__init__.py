"""Repositories: a network with its card in one place, a folder, an address on the web, or Hugging Face's hub."""
