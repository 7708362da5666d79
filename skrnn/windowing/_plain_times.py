"""Times, offsets and names of series as builtins and arrays, and back: what pandas would need its own pickle for.

What is written is read again at once and compared, so that nothing is written that would come back as another.
"""

from __future__ import annotations

import datetime
import re
from typing import Any

import numpy as np

from skrnn._plain import is_packed, require

__all__ = ["index_from_plain", "key_from_plain", "offset_from_plain", "plain_index", "plain_key", "plain_offset"]

_NO_OFFSETS = {"BaseOffset", "Tick"}
_UNITS = ("s", "ms", "us", "ns")
_ZONE = re.compile(r"[A-Za-z0-9_+\-:/]{1,64}")
_WHOLE = re.compile(r"u?int(8|16|32|64)|U?Int(8|16|32|64)|u?int(8|16|32|64)\[pyarrow\]")
_PLAIN = (str, bytes, bool, int, float, type(None))


def plain_index(times: Any) -> dict[str, Any]:
    """An index of dates, periods or whole numbers; its name and frequency are not part of it."""
    import pandas as pd

    plain: dict[str, Any]
    if isinstance(times, pd.DatetimeIndex):
        plain = {"kind": "dates", "unit": times.unit, "zone": _name_of_zone(times.tz), "values": np.array(times.asi8)}
    elif isinstance(times, pd.PeriodIndex):
        plain = {"kind": "periods", "freq": times.freqstr, "values": np.array(times.asi8)}
    else:
        kind = np.uint64 if str(times.dtype).lower().startswith("uint64") else np.int64
        plain = {"kind": "whole numbers", "dtype": str(times.dtype), "values": times.to_numpy().astype(kind)}
    return _certain(plain, index_from_plain(plain), times, lambda one: (one.dtype, one.to_numpy().tolist()))


def index_from_plain(values: Any) -> Any:
    """The checked inverse."""
    import pandas as pd

    require(isinstance(values, dict) and "values" in values, "times are no dict of their kind and values")
    rest = {name: value for name, value in values.items() if name != "values"}
    numbers = values["values"]
    whole = is_packed(numbers) and numbers.ndim == 1 and numbers.dtype in (np.int64, np.uint64)
    require(whole and all(value is None or type(value) is str for value in rest.values()), "times are no whole numbers")
    signed = numbers.dtype == np.int64
    if rest.get("kind") == "dates" and set(rest) == {"kind", "unit", "zone"} and signed:
        require(rest["unit"] in _UNITS, f"the unit {rest['unit']!r} of dates is not known")
        dates = pd.DatetimeIndex(numbers.view(f"M8[{rest['unit']}]").copy())
        return dates if rest["zone"] is None else dates.tz_localize("UTC").tz_convert(_zone(rest["zone"]))
    if rest.get("kind") == "periods" and set(rest) == {"kind", "freq"} and signed:
        return pd.PeriodIndex.from_ordinals(numbers, freq=_freq_of_periods(rest["freq"]))
    known = rest.get("kind") == "whole numbers" and set(rest) == {"kind", "dtype"} and rest["dtype"] is not None
    require(known and bool(_WHOLE.fullmatch(rest["dtype"])), "the kind of the times is not known")
    try:
        return pd.Index(numbers, dtype=rest["dtype"])
    except (ValueError, TypeError, OverflowError, ImportError) as error:
        raise ValueError(f"State does not fit: the times are not of dtype {rest['dtype']}.") from error


def plain_offset(offset: Any) -> dict[str, Any]:
    """An offset of pandas: the name of its class and what it is made of."""
    import pandas as pd

    name = type(offset).__name__
    values = {key: _plain_part(value) for key, value in offset.kwds.items() if key != "calendar"}
    plain = {"offset": name, "n": int(offset.n), "normalize": bool(offset.normalize), "values": values}
    if getattr(pd.offsets, name, None) is not type(offset):
        raise TypeError(f"{offset!r} is an offset of your own, which a file cannot hold. Use one of pandas.")
    return _certain(plain, offset_from_plain(plain), offset, _off_days)


def offset_from_plain(values: Any) -> Any:
    """The checked inverse."""
    import pandas as pd

    require(isinstance(values, dict) and set(values) == {"offset", "n", "normalize", "values"}, "a freq is no offset")
    name, n = values["offset"], values["n"]
    known = type(name) is str and name in pd.offsets.__all__ and name not in _NO_OFFSETS
    require(known and type(n) is int and 1 <= n < 2**31, f"freq is no offset {n!r} x {name!r}")
    require(type(values["normalize"]) is bool, "normalize of a freq is no bool")
    options = values["values"]
    require(isinstance(options, dict) and all(type(key) is str for key in options), "an offset has no such options")
    if values["normalize"]:
        options = {**options, "normalize": True}
    try:
        return getattr(pd.offsets, name)(n, **{key: _part(value) for key, value in options.items()})
    except (ValueError, TypeError, OverflowError, AttributeError, KeyError) as error:
        raise ValueError(f"State does not fit: pandas makes no {name} of {options}: {error}.") from error


def plain_key(key: Any) -> Any:
    """The name of a series or a column."""
    import pandas as pd

    key = key.item() if isinstance(key, (np.bool_, np.integer, np.floating, np.str_, np.bytes_)) else key
    if type(key) in _PLAIN:
        return key
    if type(key) is tuple:
        return [plain_key(part) for part in key]
    plain: dict[str, Any] = {}
    if type(key) is pd.Timestamp:
        plain = {"time": int(key.asm8.view(np.int64)), "unit": key.unit, "zone": _name_of_zone(key.tz)}
    elif isinstance(key, pd.Period):
        plain = {"period": int(key.ordinal), "freq": key.freqstr}
    elif type(key) is pd.Timedelta:
        plain = {"span": int(key.asm8.view(np.int64)), "unit": key.unit}
    elif type(key) is datetime.date:
        plain = {"date": key.isoformat()}
    else:
        raise TypeError(
            f"The name {key!r} of a series or column is a {type(key).__name__}, which a file cannot hold. Use texts, "
            "numbers or times."
        )
    return _certain(plain, key_from_plain(plain), key, lambda one: (type(one), one))


def key_from_plain(values: Any) -> Any:
    """The checked inverse."""
    import pandas as pd

    if type(values) in _PLAIN:
        return values
    if isinstance(values, list):
        return tuple(key_from_plain(part) for part in values)
    require(isinstance(values, dict), f"a series or column has a {type(values).__name__} for a name")
    names = set(values)
    number = next((values[name] for name in ("time", "period", "span") if name in values), 0)
    require(type(number) is int and abs(number) < 2**63, "the name of a series is no time")
    if names == {"time", "unit", "zone"} and values["unit"] in _UNITS:
        dates = {"kind": "dates", **{name: values[name] for name in ("unit", "zone")}, "values": np.array([number])}
        return index_from_plain(dates)[0]
    if names == {"period", "freq"}:
        return pd.PeriodIndex.from_ordinals([number], freq=_freq_of_periods(values["freq"]))[0]
    if names == {"span", "unit"} and values["unit"] in _UNITS:
        return pd.TimedeltaIndex(np.array([number]).view(f"m8[{values['unit']}]"))[0]
    require(names == {"date"} and type(values["date"]) is str, f"a series has the name {sorted(map(str, names))}")
    try:
        return datetime.date.fromisoformat(values["date"])
    except ValueError as error:
        raise ValueError(f"State does not fit: {error}.") from error


def _certain(plain: Any, again: Any, value: Any, compared: Any) -> Any:
    """``plain``, which has been read ``again`` and is the value."""
    if compared(again) != compared(value):
        raise TypeError(f"{value!r} cannot be written to a file: read back, it would be {again!r}.")
    return plain


def _off_days(offset: Any) -> tuple[Any, ...]:
    """What two offsets have to share; equal ones may have other days off."""
    calendar = getattr(offset, "calendar", None)
    days = () if calendar is None else (calendar.weekmask.tolist(), calendar.holidays.tolist())
    return type(offset), offset, offset.n, offset.normalize, days


def _name_of_zone(zone: Any) -> str | None:
    if zone is None:
        return None
    name = str(zone)
    return f"dateutil/{name.split('zoneinfo/')[-1][:-2]}" if name.startswith("tzfile(") else name


def _zone(name: str) -> str:
    """A zone that exists."""
    import pandas as pd

    try:
        known = bool(_ZONE.fullmatch(name)) and pd.DatetimeTZDtype("ns", name).tz is not None
    except Exception:  # what the zones' libraries raise for an unknown name is many things
        known = False
    require(known, f"the time zone {name!r} is not known")
    return name


def _freq_of_periods(name: Any) -> Any:
    """The frequency of periods that exists."""
    import pandas as pd

    try:
        return pd.PeriodDtype(name).freq if type(name) is str else require(False, "periods have no frequency")
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        raise ValueError(f"State does not fit: there are no periods of {name!r}.") from error


def _plain_part(value: Any) -> Any:
    """One option of an offset."""
    if type(value) in (str, bool, int, float, type(None)):
        return value
    if isinstance(value, (tuple, list)):
        return [_plain_part(part) for part in value]
    if isinstance(value, datetime.time) and value.tzinfo is None:
        return {"time": value.isoformat()}
    if isinstance(value, datetime.timedelta):
        return {"microseconds": round(value / datetime.timedelta(microseconds=1))}
    if isinstance(value, np.datetime64):
        return {"day": str(value.astype("M8[D]"))}
    raise TypeError(f"An offset made of {value!r} cannot be written to a file.")


def _part(value: Any) -> Any:
    if type(value) in (str, bool, int, float, type(None)):
        return value
    if isinstance(value, list):
        return tuple(_part(part) for part in value)
    pair = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else (None, None)
    if pair[0] == "time" and type(pair[1]) is str:
        return datetime.time.fromisoformat(pair[1])
    if pair[0] == "microseconds" and type(pair[1]) is int:
        return datetime.timedelta(microseconds=pair[1])
    if pair[0] == "day" and type(pair[1]) is str:
        return np.datetime64(pair[1], "D")
    raise ValueError(f"no option of an offset is {value!r}")
