"""Starting a process and hearing from it that it is up (OTP's `proc_lib`)."""

from __future__ import annotations

from regrow.behaviours.starting import IGNORE as IGNORE
from regrow.behaviours.starting import AlreadyStarted as AlreadyStarted
from regrow.behaviours.starting import Body as Body
from regrow.behaviours.starting import Failed as Failed
from regrow.behaviours.starting import Ignore as Ignore
from regrow.behaviours.starting import Ignored as Ignored
from regrow.behaviours.starting import Starter as Starter
from regrow.behaviours.starting import StartError as StartError
from regrow.behaviours.starting import init_ack as init_ack
from regrow.behaviours.starting import start as start
