"""What is wrong with a result: the simple change that would make it right, said in one sentence."""

from identities.oracle.diagnosis.case import Diagnosis as Diagnosis
from identities.oracle.diagnosis.diagnose import NONDETERMINISTIC as NONDETERMINISTIC
from identities.oracle.diagnosis.diagnose import diagnose as diagnose
from identities.oracle.diagnosis.edits.proposals import Hints as Hints
from identities.oracle.diagnosis.exchanged import exchanged as exchanged
