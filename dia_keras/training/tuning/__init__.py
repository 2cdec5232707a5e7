"""Fine-tuning: an entry of the zoo learns images of your own."""
