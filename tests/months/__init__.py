"""Whole months, from the raw files Microsoft serves to the documents customers get, to the cent.

Everything goes through the command line. Expected amounts are published figures, the documents' own cases, or come
from reference.py, a second calculation that shares no code with the product.
"""

import pytest

pytest.register_assert_rewrite("tests.months.checks", "tests.months.partner")
