"""An imitation of the Microsoft services a CSP partner's connector talks to. See README.md beside this
file.
"""

from tests.standins.microsoft.standin import MicrosoftStandIn

__all__ = ["MicrosoftStandIn"]
