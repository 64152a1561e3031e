//! The first day of the week, by region.

use chrono::Weekday;

/// Regions whose weeks start on a day other than Monday (Unicode CLDR 48, supplemental week data).
const EXCEPTIONS: [(Weekday, &str); 3] = [
    (Weekday::Fri, "MV"),
    (Weekday::Sat, "AF BH DJ DZ EG IQ IR JO KW LY OM QA SD SY"),
    (
        Weekday::Sun,
        "AG AS BD BR BS BT BW BZ CA CO DM DO ET GT GU HK HN ID IL IN IS JM JP KE KH KR LA MH MM MO MT MX MZ NI NP PA \
         PE PH PK PR PT PY SA SG SV TH TT TW UM US VE VI WS YE ZA ZW",
    ),
];

/// Returns the first day of the week in a POSIX locale such as `en_US.UTF-8`; Monday, as in ISO 8601, where the locale
/// names no region, as `C` does.
#[must_use]
pub fn first_day(locale: &str) -> Weekday {
    let (name, _) = locale.split_once(['.', '@']).unwrap_or((locale, ""));
    let (_, region) = name.split_once('_').unwrap_or_default();
    let starts_here = |regions: &str| regions.split(' ').any(|one| one == region);
    EXCEPTIONS.iter().find(|(_, regions)| starts_here(regions)).map_or(Weekday::Mon, |(day, _)| *day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_start_where_the_region_says() {
        for (locale, day) in [
            ("en_US.UTF-8", Weekday::Sun),
            ("en_GB.UTF-8", Weekday::Mon),
            ("de_DE@euro", Weekday::Mon),
            ("ar_EG", Weekday::Sat),
            ("dv_MV.UTF-8", Weekday::Fri),
            ("pt_BR.ISO-8859-1", Weekday::Sun),
            ("C.UTF-8", Weekday::Mon),
            ("POSIX", Weekday::Mon),
            ("", Weekday::Mon),
        ] {
            assert_eq!(first_day(locale), day, "{locale}");
        }
    }
}
