from .known_systems import fig3 as fig3, fig4 as fig4, fig8 as fig8
from .patients import medical as medical
from .published import CANONICAL as CANONICAL, published as published
from .ranking import Result as Result, over_seeds as over_seeds, ranked as ranked
from .report import (
    Comparison as Comparison,
    table_of as table_of,
    write_comparison as write_comparison,
)
from .search import Range as Range, Space as Space, run_search as run_search
from .sweep import (
    Combination as Combination,
    combinations as combinations,
)
from .tables import table2 as table2, table3 as table3, table4 as table4
from .trainings import measured as measured, token_of as token_of
