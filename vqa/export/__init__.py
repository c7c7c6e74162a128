"""The way out of MXNet: ONNX and safetensors files, and inference without MXNet."""
