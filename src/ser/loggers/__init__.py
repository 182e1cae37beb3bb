"""Where a run is logged beside its own files: W&B, TensorBoard, MLflow. None of them is imported unless asked for."""
