"""The models: each runs forward over time steps and returns a :class:`~gasp.models.trajectory.Trajectory`."""

from gasp.models.cnn import CNN
from gasp.models.gaspnet import GASPnet
from gasp.models.gattanet import GAttANet
from gasp.models.komplexnet import KomplexNet
from gasp.models.layered import Layered
from gasp.models.model import LayerSizes, Model, ModelSettings
from gasp.models.recurrent import Oscillating, Recurrent
from gasp.models.trajectory import Trajectory

__all__ = [
    "CNN",
    "GASPnet",
    "GAttANet",
    "KomplexNet",
    "LayerSizes",
    "Layered",
    "Model",
    "ModelSettings",
    "Oscillating",
    "Recurrent",
    "Trajectory",
]
