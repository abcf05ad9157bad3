"""Ready bench files: simulated benches and templates of real ones."""
