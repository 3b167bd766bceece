"""What the Prefect flows cost, how they scale, and what they survive."""
