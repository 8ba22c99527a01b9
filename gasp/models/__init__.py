"""The models. Each processes images over time steps and returns a :class:`~gasp.models.trajectory.Trajectory`."""

from gasp.models.cnn import CNN, CNNSettings
from gasp.models.gaspnet import GASPnet, GASPnetSettings
from gasp.models.gattanet import GAttANet, GAttANetSettings
from gasp.models.komplexnet import KomplexNet, KomplexNetSettings
from gasp.models.layered import Layered
from gasp.models.model import LayerSizes, Model, ModelSettings
from gasp.models.predictive import PredictiveCNN, PredictiveCNNSettings, PredictiveGASPnet, PredictiveGASPnetSettings
from gasp.models.recurrent import Oscillating, Recurrent, RecurrentSettings
from gasp.models.trajectory import Trajectory

__all__ = [
    "CNN",
    "CNNSettings",
    "GASPnet",
    "GASPnetSettings",
    "GAttANet",
    "GAttANetSettings",
    "KomplexNet",
    "KomplexNetSettings",
    "LayerSizes",
    "Layered",
    "Model",
    "ModelSettings",
    "Oscillating",
    "PredictiveCNN",
    "PredictiveCNNSettings",
    "PredictiveGASPnet",
    "PredictiveGASPnetSettings",
    "Recurrent",
    "RecurrentSettings",
    "Trajectory",
]
