"""What every message is made of: frozen models, exact decimals, aware UTC times."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from kernel.domain.clock import require_utc

#: Any amount of dollars; six decimals is what the schemas keep.
Usd = Annotated[Decimal, Field(max_digits=18, decimal_places=6, allow_inf_nan=False)]
#: A price or amount that may be zero, never negative.
UsdNonNegative = Annotated[Usd, Field(ge=0)]
#: A price that must be above zero.
UsdPositive = Annotated[Usd, Field(gt=0)]
Percent = Annotated[Usd, Field(ge=0, le=100)]
UtcTime = Annotated[datetime, AfterValidator(require_utc)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Record(BaseModel):
    """A frozen value on the wire; unknown fields are refused, the schema is the place to add one."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Meta(Record):
    """Where a message comes from."""

    id: str = Field(min_length=1)
    correlation_id: str = Field(min_length=1)
    causation_id: str
    occurred_at: UtcTime
    stage: str
    revision: str
    config_hash: str


class Message(Record):
    """Anything that travels on a topic."""

    meta: Meta
