"""The search for good settings with Optuna: `hydra_plugins.ser_sweepers` calls it, the runs take part by `pruning`."""
