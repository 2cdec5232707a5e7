"""Analysis of networks: where they look, what their attention does, and which blocks they need.

Each file computes one thing, as arrays, and draws it, as a matplotlib figure. `dia-keras explain` writes the figures.
"""

from .attention_maps import attention_by_stage as attention_by_stage
from .attention_maps import plot_attention as plot_attention
from .blocks import Block as Block
from .grad_cam import ClassActivation as ClassActivation
from .grad_cam import class_activation as class_activation
from .grad_cam import plot_grad_cam as plot_grad_cam
from .gradient_flow import plot_gradients as plot_gradients
from .gradient_flow import stage_gradients as stage_gradients
from .gradients import gradient as gradient
from .integration import gini_importance as gini_importance
from .integration import integration_by_stage as integration_by_stage
from .integration import plot_importances as plot_importances
from .integration import plot_integration as plot_integration
from .lesion import accuracy_without_blocks as accuracy_without_blocks
from .lesion import plot_lesions as plot_lesions
