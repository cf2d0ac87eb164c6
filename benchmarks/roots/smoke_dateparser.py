"""Dates in many languages, calendars and zones.

Root: dateparser; has data files, compiled modules.
"""

import warnings
from datetime import datetime

import dateparser
from dateparser.data import language_locale_dict
from dateparser.date import DateDataParser
from dateparser.search import search_dates

warnings.simplefilter("ignore")
NOW = {"RELATIVE_BASE": datetime(2024, 2, 29, 12), "TIMEZONE": "UTC"}
for text in (
    "vor 2 Tagen",
    "hace un mes",
    "昨天",
    "3 января 2020 в 10:15",
    "12 mars 2019",
    "i morgen",
    "next friday",
    "2024-05-03T10:00:00+02:00",
    "tomorrow 5pm PST",
    "1700000000",
    "१० जनवरी २०२०",
    "in 2 weeks and 3 days",
    "nothing",
):
    print(text, "->", dateparser.parse(text, settings=NOW))
print(
    dateparser.parse(
        "10:00",
        settings={**NOW, "TIMEZONE": "Europe/Berlin", "TO_TIMEZONE": "Asia/Tokyo", "RETURN_AS_TIMEZONE_AWARE": True},
    )
)
print(
    dateparser.parse("02-03-2020", date_formats=["%d-%m-%Y"]),
    dateparser.parse("02/03/2020", settings={"DATE_ORDER": "DMY"}),
)
print(search_dates("We met on 3 May 2020 and again two days later, am 5. Juni 2021", settings=NOW))
data = DateDataParser(languages=["de", "fr"]).get_date_data("5 décembre 2018")
print(data.date_obj, data.period, data.locale, len(language_locale_dict) > 150)
for name in ("dateparser.calendars.hijri", "dateparser.calendars.jalali"):
    try:
        module = __import__(name, fromlist=["x"])
        kind = next(
            value
            for key, value in sorted(vars(module).items())
            if key.endswith("Calendar") and "Base" not in key and "non" not in key
        )
        print(name, kind("17-01-1437" if "hijri" in name else "جمعه سی ام اسفند ۱۳۸۷").get_date())
    except ImportError as error:
        print(name, error)
for name in ("fasttext", "langdetect"):
    try:
        __import__(f"dateparser.custom_language_detection.{name}")
        print(name, "works")
    except ImportError as error:
        print(name, error)
