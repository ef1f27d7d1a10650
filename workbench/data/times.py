"""Times of any kind, in seconds since 1970: numbers in a unit, dates, or either as text."""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.data.tokens import WORDS, is_text
from workbench.errors import ways
from workbench.phrases import counted

Unit = Literal["s", "ms", "us", "ns", "each", "date"]
Dates = Literal["day-first", "month-first"]

# unit -> how many make a second, and from which size on a number is taken for it: seconds stay
# below 1e11 until the year 5138, and milliseconds are above it since 1973
UNITS = {"s": (1.0, 0.0), "ms": (1e3, 1e11), "us": (1e6, 1e14), "ns": (1e9, 1e17)}
LARGEST = 2.0**62
DAY, YEAR, YEAR_2100, YEAR_10000 = 86_400, 31_536_000, 4_102_444_800, 253_402_300_800  # in seconds
# dates written as numbers: 20190812, or with hours, minutes and seconds 20190812103000
COMPACT = ((8, "%Y%m%d"), (10, "%Y%m%d%H"), (12, "%Y%m%d%H%M"), (14, "%Y%m%d%H%M%S"))
YEAR_1 = -62_135_596_800
APART = 10 * YEAR  # seconds without any time, beyond which others hardly belong to the same log
WITHOUT_TIMES = ways("?time=", "columns={'time': ''}")
SLASHED = (
    r"^(\d{1,2})[./-](\d{1,2})[./-](\d{4})"
    r"(?:[\sT,]+(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?\s*([AaPp])?\.?(?:[Mm]\.?)?)?$"
)
# how a zone is written behind a clock: Z, UTC, +02:00, -0700
ZONED = r"(?:Z|UTC|GMT)$|[T:]\d\d.*[+-]\d\d"
# how a text begins that may be a time
PLAUSIBLE = (
    r"[-+.]?\d|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun"
    r"|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*[ ,]"
)
WITH_NAMES = (  # of months
    *("%a %b %d %H:%M:%S %z %Y", "%a %b %d %H:%M:%S %Y", "%a, %d %b %Y %H:%M:%S %z"),
    *("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%d %b %Y %H:%M:%S"),
    *("%d %b %Y, %H:%M", "%b %d, %Y %H:%M:%S", "%b %d, %Y, %H:%M", "%m %d, %Y"),
)


class TimeFault(ValueError):
    """A value that is no time: its row, and what is wrong with it.

    Attributes
    ----------
    row : of the value, counted from 0.
    """

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row = row


class UnknownOrder(TimeFault):
    """A date such as 3/4/2015, of which nothing shows whether it begins with its day."""


@dataclass(frozen=True)
class Times:
    """Times of a column, and what they were read as.

    Attributes
    ----------
    seconds : since 1970, [n]; int64, or float64 with NaN where there is none.
    unit : the unit of the numbers, or "date".
    doubts : what speaks against this reading, as parts of sentences.
    """

    seconds: np.ndarray
    unit: str
    doubts: list[str] = field(default_factory=list)


def read_times(
    column: pa.ChunkedArray | pa.Array, unit: Unit | None = None, dates: Dates | None = None
) -> Times:
    """Times of a column of numbers, dates, or text of either; a date counts from 1970 in UTC.

    Parameters
    ----------
    column : [n]. The size of numbers shows their unit, unless `unit` names it.
    unit : "each" decides value by value, "date" reads 20190812 as a date; None: by the size of
        most.
    dates : whether 3/4/2015 is "day-first" or "month-first"; None: as the column shows.

    Raises
    ------
    TimeFault
        If a value is no time, or may be read in two ways.
    """
    if isinstance(column, pa.Array):
        column = pa.chunked_array([column])
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_null(kind):
        return Times(np.full(len(column), np.nan), "s")
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        zone = kind.tz if pa.types.is_timestamp(kind) else None
        micros = column.cast(pa.timestamp("us", tz=zone), safe=False).cast(pa.int64()).to_numpy()
        return Times(micros / 1e6, "date")
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return read_numbers(column.to_numpy(), unit)
    if pa.types.is_decimal(kind):
        return read_numbers(column.cast(pa.float64()).to_numpy(), unit)
    if pa.types.is_binary(kind):
        column, kind = column.cast(pa.string()), pa.string()
    if is_text(kind):
        return _read_text(column, unit, dates)
    raise TimeFault(0, f"is {kind}, which is no kind of time; leave it out {WITHOUT_TIMES}")


def read_numbers(numbers: np.ndarray, unit: Unit | None = None) -> Times:
    """Times written as numbers [n], NaN where there is none; `unit` as in `read_times`.

    Raises
    ------
    TimeFault
        If a number is no time, or has the size of another unit than most.
    """
    sizes = np.abs(numbers.astype(np.float64))
    present = ~np.isnan(sizes)
    if (wrong := present & ~(sizes < LARGEST)).any():
        raise TimeFault(int(wrong.argmax()), "is no time that can be")
    dates = _compact(numbers, present) if unit in (None, "date") else None
    if dates is not None:
        example, first = int(numbers[present][0]), day(dates[present][0])
        doubt = (
            f"were read as dates written as numbers, {example} as {first}; if they are seconds, say"
        )
        return Times(dates, "date", [] if unit else [f"{doubt} so {unit_is('s')}"])
    if unit == "date":
        raise TimeFault(int(present.argmax()), f"is no date such as 20190812 {unit_is('s')}")
    names = list(UNITS)
    kinds = np.searchsorted([above for _, above in UNITS.values()][1:], sizes)
    scales = np.array([scale for scale, _ in UNITS.values()])
    if unit == "each":
        return Times(numbers / scales[kinds], "each")
    if unit is not None:
        seconds = numbers if unit == "s" else numbers / UNITS[unit][0]
        if (late := present & (np.abs(seconds) >= YEAR_10000)).any():
            row = int(late.argmax())
            size = unit_is(names[kinds[row]])
            raise TimeFault(row, f"is beyond the year 9999 in {unit}; name another unit {size}")
        return Times(seconds, unit)
    usual = int(np.median(kinds[present])) if present.any() else 0
    # what is of a second's size among milliseconds would be a day of 1970; zero may stand for none
    other = present & (kinds != usual) & (sizes > YEAR)
    if other.any():
        row = int(other.argmax())
        one = ""
        if (sizes[present] / scales[usual]).max() < YEAR_10000:
            one = f", or name the unit of all {unit_is(names[usual])}"
        raise TimeFault(
            row,
            f"has the size of {names[kinds[row]]} since 1970 where most have that of "
            f"{names[usual]}; say that each shows its unit {unit_is('each')}{one}",
        )
    seconds = numbers if usual == 0 else numbers / scales[usual]
    doubts = _doubts(seconds[present], names[usual])
    if numbers.dtype.kind == "f" and numbers.dtype.itemsize < 8 and present.any():
        step = float(np.spacing(numbers[sizes == sizes[present].max()][0])) / scales[usual]
        if abs(step) > 1:
            doubts.append(
                f"are of the type {numbers.dtype}, which tells times apart from {abs(step):.0f} s "
                f"on; write them as whole numbers, or say that this is enough "
                f"{unit_is(names[usual])}"
            )
    return Times(seconds, names[usual], doubts)


def far_off(seconds: np.ndarray) -> np.ndarray:
    """Which times have a gap of `APART` between them and the middle one; bool [n], as `seconds`."""
    known = np.sort(seconds[~np.isnan(seconds)])
    if not len(known) or known[-1] - known[0] <= APART:
        return np.zeros(len(seconds), bool)
    gaps, middle = np.diff(known) > APART, len(known) // 2
    below, above = np.flatnonzero(gaps[:middle]), np.flatnonzero(gaps[middle:])
    first = known[below[-1] + 1] if len(below) else known[0]
    last = known[middle + above[0]] if len(above) else known[-1]
    return np.asarray((seconds < first) | (seconds > last))


def as_number(seconds: float, numbers: np.ndarray, unit: Unit | None) -> int | None:
    """A time as a column of numbers [n] writes times, `unit` as in `read_times`.

    None where it has no times, or each in a unit of its own.
    """
    known = numbers[~np.isnan(numbers)]
    try:
        read = read_numbers(known, unit)
    except TimeFault:
        return None
    if read.unit == "date":
        digits = len(str(int(known[0])))
        pattern = next(pattern for length, pattern in COMPACT if length == digits)
        return int(pd.Timestamp(seconds, unit="s").strftime(pattern))
    return None if read.unit == "each" or read.doubts else int(seconds * UNITS[read.unit][0])


def unit_is(unit: str) -> str:
    """How the unit of times is given, in brackets."""
    return ways(f"?unit={unit}", f"unit={unit!r}")


def looks_like_time(column: pa.ChunkedArray | pa.Array) -> bool:
    """Whether all values are dates, or numbers of the size of a clock between 1973 and 2100."""
    if not len(column) or pa.types.is_boolean(column.type):
        return False
    first = next((text for value in column if (text := str(value.as_py()).strip())), "")
    if not re.match(PLAUSIBLE, first):
        return False
    try:
        try:
            times = read_times(column)
        except UnknownOrder:  # which of the two is the day does not matter here
            times = read_times(column, dates="day-first")
    except (ValueError, pa.ArrowException):
        return False
    seconds = times.seconds[~np.isnan(times.seconds)]
    if 2 * len(seconds) <= len(column):
        return False
    return times.unit == "date" or bool(((seconds > 1e8) & (seconds < YEAR_2100)).all())


def _doubts(seconds: np.ndarray, unit: str) -> list[str]:
    """What speaks against a unit guessed: that nothing happens after 1970, or before 2100."""
    seconds = seconds[~far_off(seconds)]
    if not len(seconds) or (abs(seconds.max()) > YEAR and seconds.max() < YEAR_2100):
        return []
    first, last = day(seconds.min()), day(seconds.max())
    return [
        f"would run from {first} to {last} if they are {unit} since 1970, as was assumed; name "
        f"their unit {unit_is(unit)}, or leave them out {WITHOUT_TIMES}"
    ]


def day(seconds: float) -> str:
    """The date of a time in UTC, such as 2019-08-12; within the years 1 to 9999."""
    return str(np.datetime64(int(np.clip(seconds, YEAR_1, YEAR_10000 - 1)), "s"))[:10]


def _compact(numbers: np.ndarray, present: np.ndarray) -> np.ndarray | None:
    """Seconds of dates written as numbers; None where most are no such.

    Raises
    ------
    TimeFault
        If most are, and one is not.
    """
    values = numbers[present]
    for digits, pattern in COMPACT:
        of_size = (values >= 1.9 * 10 ** (digits - 1)) & (values < 2.1 * 10 ** (digits - 1))
        of_size &= values == np.floor(values)
        if 2 * of_size.sum() <= len(values):
            continue
        texts, codes = np.unique(values[of_size].astype(np.int64), return_inverse=True)
        read = pd.to_datetime(pd.Series(texts.astype(str)), format=pattern, errors="coerce")
        dated = of_size.copy()
        dated[of_size] = read.notna().to_numpy()[codes]
        if 2 * dated.sum() <= len(values):
            continue
        if not dated.all():
            raise TimeFault(
                int(np.flatnonzero(present)[dated.argmin()]),
                f"is no date, where most are dates written as numbers such as {texts[0]}; mend it, "
                f"or say that all are seconds {unit_is('s')}",
            )
        seconds = np.full(len(numbers), np.nan)
        seconds[present] = read.to_numpy().astype("datetime64[s]").astype(np.int64)[codes]
        return seconds
    return None


def _read_text(column: Any, unit: Unit | None, dates: Dates | None) -> Times:
    joined = column.dictionary_encode()
    if isinstance(joined, pa.ChunkedArray):
        joined = joined.unify_dictionaries().combine_chunks()
    if isinstance(joined, pa.ChunkedArray):
        return Times(np.empty(0), "s")
    codes = joined.indices.fill_null(len(joined.dictionary)).to_numpy(zero_copy_only=False)
    texts = pd.Series([*joined.dictionary.to_pylist(), ""], dtype=object).str.strip()
    given = (texts != "") & ~texts.isin(WORDS)
    numbers = pd.to_numeric(texts.where(given), errors="coerce").astype(np.float64)
    seconds = numbers
    written, doubts = "s", []
    bad = given & numbers.isna()
    if not given.any() or 2 * bad.sum() <= given.sum():  # numbers
        if not bad.any():
            return read_numbers(numbers.to_numpy()[codes], unit)
    else:
        written = "date"
        seconds = pd.Series(np.full(len(texts), np.nan))
        seconds[given] = _dates(texts[given], dates, codes)
        bad = given & seconds.isna()
        doubts = _about_zones(texts[given], codes)
    if bad.any():
        row = int(np.isin(codes, np.flatnonzero(bad)).argmax())
        raise TimeFault(
            row,
            "is no time; write numbers, or dates such as 2019-08-12 10:30:00, or leave the times "
            f"out {WITHOUT_TIMES}",
        )
    return Times(seconds.to_numpy(np.float64)[codes], written, doubts)


def _about_zones(texts: pd.Series, codes: np.ndarray) -> list[str]:
    """What was assumed of the rows whose distinct text, by its code, has no zone beside others."""
    zoned = texts.str.contains(ZONED)
    rows = np.bincount(codes, minlength=1 + texts.index.max())[texts.index]
    having, without = int(rows[zoned].sum()), int(rows[~zoned].sum())
    if not (having and without):
        return []
    return [
        f"have a zone in {counted(having, 'row')} and none in "
        f"{without:,}, which {'was' if without == 1 else 'were'} taken as UTC; where another is "
        "meant, write it behind the time, as in 2021-06-05T08:00:00+02:00"
    ]


def _dates(texts: pd.Series, order: Dates | None, codes: np.ndarray) -> np.ndarray:
    """Seconds of distinct texts, NaN where one is no date.

    Raises
    ------
    TimeFault
        If day and month of a text cannot be distinguished.
    """
    plain = texts.str.replace(r"\s*(?:UTC|GMT)$", "Z", regex=True)
    plain = plain.str.replace(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", r"\1-\2-\3", regex=True)
    seconds = _parsed(plain, "ISO8601")
    left = seconds.isna()
    if left.any():
        parts = plain[left].str.extract(SLASHED)
        if parts[0].notna().any():
            seconds[left] = _slashed(parts, order, codes)
    if not texts[seconds.isna()].str.match(PLAUSIBLE).any():
        return seconds.to_numpy(np.float64)
    for pattern in WITH_NAMES:
        left = seconds.isna()
        if not left.any():
            break
        seconds[left] = _parsed(texts[left], pattern)
    return seconds.to_numpy(np.float64)


def _parsed(texts: pd.Series, pattern: str) -> pd.Series:
    parsed = pd.to_datetime(texts, format=pattern, utc=True, errors="coerce")
    micros = parsed.dt.as_unit("us").dt.tz_localize(None).astype("datetime64[us]")
    seconds = micros.to_numpy().astype(np.int64) / 1e6
    return pd.Series(np.where(parsed.isna(), np.nan, seconds), index=texts.index)


def _dates_are(order: str) -> str:
    return ways(f"?dates={order}", f"dates={order!r}")


def _slashed(parts: pd.DataFrame, order: Dates | None, codes: np.ndarray) -> pd.Series:
    """Seconds of 31.01.2015 and 1/31/2015; a number above 12 shows which of the two is the day."""
    first, second = parts[0].astype(float), parts[1].astype(float)
    if order is None:
        day_first, month_first = (first > 12).any(), (second > 12).any()
        if day_first == month_first:
            row = int(np.isin(codes, parts.index[parts[0].notna()]).argmax())
            raise UnknownOrder(
                row,
                "may begin with its day or with its month; say with which "
                f"{_dates_are('day-first')} {_dates_are('month-first')}",
            )
        order = "day-first" if day_first else "month-first"
    day, month = (parts[0], parts[1]) if order == "day-first" else (parts[1], parts[0])
    hour = parts[3].fillna("0").astype(int)
    half = parts[6].str.lower()
    hour = hour.where(half.isna(), hour % 12) + 12 * (half == "p")
    clock = hour.astype(str).str.zfill(2) + ":" + parts[4].fillna("00") + ":"
    text = parts[2] + "-" + month.str.zfill(2) + "-" + day.str.zfill(2) + "T" + clock
    return _parsed(text + parts[5].fillna("00"), "ISO8601")
