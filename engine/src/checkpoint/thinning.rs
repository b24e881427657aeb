//! Which kept checkpoints are no longer needed, so that a file a minute does not pile up for ever.

use super::folder::Kept;
use crate::ids::Time;

/// For this long every checkpoint is kept: 1 hour.
const ALL_MS: i64 = 60 * 60 * 1_000;
/// For this long the last one of each hour is kept: 1 day. Of the days before, the last one of each for ever.
const HOURLY_MS: i64 = 24 * ALL_MS;

/// Characters of a stamp that name its hour, and its day: `20260131T09` of `20260131T090000000Z`.
const HOUR_CHARACTERS: usize = 11;
const DAY_CHARACTERS: usize = 8;

/// A moment as it stands in file names, such as `20260131T090000000Z`: the order of texts is that of time.
pub(super) fn stamp(time: Time) -> String {
    time.rfc3339().chars().filter(|character| !matches!(character, '-' | ':' | '.')).collect()
}

/// Those of `kept`, in order of their stamps, that may go: all of the last hour stay, the last of each hour of the last
/// day, and the last of each day.
pub(super) fn superfluous(kept: &[Kept], now: Time) -> Vec<&Kept> {
    let (hour_ago, day_ago) = (stamp(now.plus(-ALL_MS)), stamp(now.plus(-HOURLY_MS)));
    let mut gone = Vec::new();
    for pair in kept.windows(2) {
        let [earlier, later] = pair else { continue };
        let characters = if earlier.stamp < day_ago { DAY_CHARACTERS } else { HOUR_CHARACTERS };
        let is_of_one_span = earlier.stamp.get(..characters) == later.stamp.get(..characters);
        if earlier.stamp < hour_ago && is_of_one_span {
            gone.push(earlier);
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::{Kept, stamp, superfluous};
    use crate::ids::{Position, Time};

    const MINUTE: i64 = 60_000;
    /// 2026-01-31T09:00:00Z.
    const START: Time = Time(1_769_850_000_000);

    fn kept(minute: i64) -> Kept {
        let stamp = stamp(START.plus(minute * MINUTE));
        Kept { name: stamp.clone(), log: String::new(), position: Position(u64::try_from(minute).unwrap()), stamp }
    }

    #[test]
    fn a_file_a_minute_becomes_an_hour_of_all_a_day_of_hours_and_a_file_a_day() {
        const DAYS: i64 = 10;
        let mut all: Vec<Kept> = Vec::new();
        let mut most = 0;
        for minute in 0..DAYS * 24 * 60 {
            all.push(kept(minute));
            let now = START.plus(minute * MINUTE);
            let gone: Vec<String> = superfluous(&all, now).iter().map(|kept| kept.name.clone()).collect();
            all.retain(|kept| !gone.contains(&kept.name));
            most = most.max(all.len());
        }
        let last = DAYS * 24 * 60 - 1;
        assert!((last - 60..=last).all(|minute| all.contains(&kept(minute))), "the last hour is whole");
        assert!(all.len() <= 61 + 25 + 10 && most <= 61 + 25 + 10, "{} files are left, {most} at most", all.len());
        for day in 1..DAYS - 1 {
            // Days end at midnight, 15 hours after the start.
            assert!(all.contains(&kept(15 * 60 - 1 + day * 24 * 60)), "the last of day {day}");
        }
        assert!(all.len() >= 61 + 22 + 9);
    }

    #[test]
    fn a_stamp_has_no_character_that_a_file_name_may_not_have() {
        assert_eq!(stamp(Time(1_769_850_000_007)), "20260131T090000007Z");
    }
}
