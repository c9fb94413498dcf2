"""What users really brought: labels taken in, and matched to predictions when mature."""
