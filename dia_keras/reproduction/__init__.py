"""The paper's tables: each is data, one runner trains them, and a report has the paper's figures beside ours."""

from .cost import RowCost as RowCost
from .cost import measure_cost as measure_cost
from .report.cost_page import write_cost_report as write_cost_report
from .report.drawings import write_drawing as write_drawing
from .report.page import write_report as write_report
from .runner import reproduce as reproduce
from .scale import Scale as Scale
from .table import Row as Row
from .table import Table as Table
from .table import read_table as read_table
from .table import table_names as table_names
from .time_estimate import estimate as estimate
