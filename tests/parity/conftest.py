"""Parity tests run diffusers and transformers beside the engine: two threads, offline."""
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # several programs share the processor
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")

import torch  # noqa: E402  (after the environment is set)

torch.set_num_threads(2)
torch.set_grad_enabled(False)
