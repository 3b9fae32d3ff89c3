// SPDX-License-Identifier: MIT
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

// strtod is only called on bytes that were checked to be a plain decimal number, so neither a
// locale (no program of ours calls setlocale) nor its liking for "nan" and "0x" plays a part.

enum { NUMBER_MAX = 64, QUOTE_MAX = 40 };

// The input as a sentence may show it: cut, and without control bytes.
static const char *quoted(struct bytes in, char out[QUOTE_MAX + 4])
{
    size_t len = in.len < QUOTE_MAX ? in.len : QUOTE_MAX;
    for (size_t i = 0; i < len; i++)
        out[i] = (char)(in.data[i] < 0x20 || in.data[i] >= 0x7f ? '?' : in.data[i]);
    snprintf(out + len, 4, "%s", in.len > QUOTE_MAX ? "..." : "");
    return out;
}

static enum err refuse(struct why *why, struct bytes in, const char *what)
{
    char quote[QUOTE_MAX + 4];
    return why_code(why, ERR_REJECT, "bad-value", "\"%s\" is not %s", quoted(in, quote), what);
}

enum err parse_i64(struct bytes in, int64_t min, int64_t max, int64_t *ret, struct why *why)
{
    size_t i = in.len > 0 && (in.data[0] == '-' || in.data[0] == '+') ? 1 : 0;
    bool is_negative = i == 1 && in.data[0] == '-';
    if (i == in.len)
        return refuse(why, in, "a whole number");
    int64_t value = 0;
    for (; i < in.len; i++) {
        if (in.data[i] < '0' || in.data[i] > '9')
            return refuse(why, in, "a whole number");
        int digit = in.data[i] - '0';
        if (__builtin_mul_overflow(value, (int64_t)10, &value) ||
            __builtin_add_overflow(value, (int64_t)(is_negative ? -digit : digit), &value))
            return refuse(why, in, "a number of 64 bits");
    }
    if (value < min || value > max) {
        char quote[QUOTE_MAX + 4];
        return why_code(why, ERR_REJECT, "out-of-range", "%s is not between %lld and %lld",
                        quoted(in, quote), (long long)min, (long long)max);
    }
    *ret = value;
    return ERR_OK;
}

static size_t digits_at(struct bytes in, size_t at)
{
    size_t count = 0;
    while (at + count < in.len && in.data[at + count] >= '0' && in.data[at + count] <= '9')
        count++;
    return count;
}

static bool is_decimal_number(struct bytes in)
{
    size_t i = in.len > 0 && (in.data[0] == '-' || in.data[0] == '+') ? 1 : 0;
    size_t whole = digits_at(in, i), fraction = 0;
    i += whole;
    if (i < in.len && in.data[i] == '.') {
        fraction = digits_at(in, ++i);
        i += fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (i < in.len && (in.data[i] == 'e' || in.data[i] == 'E')) {
        i++;
        if (i < in.len && (in.data[i] == '-' || in.data[i] == '+'))
            i++;
        size_t exponent = digits_at(in, i);
        if (exponent == 0)
            return false;
        i += exponent;
    }
    return i == in.len;
}

enum err parse_double(struct bytes in, double *ret, struct why *why)
{
    if (in.len >= NUMBER_MAX || !is_decimal_number(in))
        return refuse(why, in, "a number");
    char copy[NUMBER_MAX];
    memcpy(copy, in.data, in.len);
    copy[in.len] = '\0';
    double value = strtod(copy, NULL);
    if (!isfinite(value))
        return refuse(why, in, "a number within the range of a double");
    *ret = value;
    return ERR_OK;
}

enum err parse_bool(struct bytes in, bool *ret, struct why *why)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"true", true},   {"yes", true}, {"on", true},   {"1", true},
                 {"false", false}, {"no", false}, {"off", false}, {"0", false}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strlen(words[i].word) == in.len &&
            strncasecmp(words[i].word, (const char *)in.data, in.len) == 0) {
            *ret = words[i].value;
            return ERR_OK;
        }
    }
    return refuse(why, in, "true or false");
}

struct unit {
    const char *name;
    int64_t factor;
};

static enum err parse_with_unit(struct bytes in, const struct unit *units, size_t count,
                                const char *what, int64_t *ret, struct why *why)
{
    size_t digits = digits_at(in, 0);
    if (digits == 0)
        return refuse(why, in, what);
    struct bytes unit = bytes_of(in.data + digits, in.len - digits);
    for (size_t i = 0; i < count; i++) {
        if (!bytes_equal_string(unit, units[i].name))
            continue;
        int64_t number = 0;
        enum err err = parse_i64(bytes_of(in.data, digits), 0, INT64_MAX, &number, why);
        if (err != ERR_OK)
            return err;
        if (__builtin_mul_overflow(number, units[i].factor, ret))
            return refuse(why, in, what);
        return ERR_OK;
    }
    return refuse(why, in, what);
}

enum err parse_duration_ms(struct bytes in, int64_t *ret_ms, struct why *why)
{
    static const struct unit units[] = {{"", 1},      {"ms", 1},      {"s", 1000},
                                        {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    int64_t value = 0;
    enum err err = parse_with_unit(in, units, ARRAY_LEN(units),
                                   "a duration such as 250ms, 5s, 10m, 2h or 7d", &value, why);
    if (err == ERR_OK)
        *ret_ms = value;
    return err;
}

enum err parse_size_bytes(struct bytes in, int64_t *ret_bytes, struct why *why)
{
    static const struct unit units[] = {{"", 1}, {"k", 1024}, {"M", 1048576}, {"G", 1073741824}};
    int64_t value = 0;
    enum err err = parse_with_unit(in, units, ARRAY_LEN(units),
                                   "a size in bytes such as 512k, 16M or 1G", &value, why);
    if (err == ERR_OK)
        *ret_bytes = value;
    return err;
}

// Days from 1970-01-01 of the proleptic Gregorian calendar; month 1..12.
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t past = year - 1;
    int64_t leap_days = past / 4 - past / 100 + past / 400;
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return past * 365 + leap_days - 719162 + before[month - 1] + (is_leap && month > 2) + day - 1;
}

static int days_in(int64_t year, int64_t month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

// Exactly `count` digits at *at as a number, which it moves behind them; -1 where they are not
// there.
static int64_t fixed_digits(struct bytes in, size_t *at, size_t count)
{
    if (*at > in.len || in.len - *at < count)
        return -1;
    int64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t c = in.data[*at + i];
        if (c < '0' || c > '9')
            return -1;
        value = value * 10 + (c - '0');
    }
    *at += count;
    return value;
}

static bool skip(struct bytes in, size_t *at, const char *one_of)
{
    if (*at >= in.len || in.data[*at] == '\0' || strchr(one_of, in.data[*at]) == NULL)
        return false;
    ++*at;
    return true;
}

// "Z", "+02:00" or "-0530" up to the end: minutes east of UTC.
static bool parse_zone(struct bytes in, size_t at, int64_t *ret_minutes)
{
    if (skip(in, &at, "Zz")) {
        *ret_minutes = 0;
        return at == in.len;
    }
    bool is_west = at < in.len && in.data[at] == '-';
    if (!skip(in, &at, "+-"))
        return false;
    int64_t hours = fixed_digits(in, &at, 2);
    if (at < in.len && in.data[at] == ':')
        at++;
    int64_t minutes = fixed_digits(in, &at, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || at != in.len)
        return false;
    *ret_minutes = (hours * 60 + minutes) * (is_west ? -1 : 1);
    return true;
}

// Hours to fraction, and the zone behind them.
static bool parse_clock(struct bytes in, size_t at, int64_t *ret_ms)
{
    int64_t hour = fixed_digits(in, &at, 2);
    int64_t minute = skip(in, &at, ":") ? fixed_digits(in, &at, 2) : -1;
    int64_t second = skip(in, &at, ":") ? fixed_digits(in, &at, 2) : -1;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
        return false;
    int64_t ms = 0;
    if (skip(in, &at, ".,")) {
        size_t digits = digits_at(in, at);
        if (digits == 0 || digits > 9)
            return false;
        for (size_t i = 0; i < 3; i++)
            ms = ms * 10 + (i < digits ? in.data[at + i] - '0' : 0);
        at += digits;
    }
    int64_t zone = 0;
    if (!parse_zone(in, at, &zone))
        return false;
    *ret_ms = ((hour * 60 + minute - zone) * 60 + second) * 1000 + ms;
    return true;
}

enum err parse_time_ms(struct bytes in, int64_t *ret_ms, struct why *why)
{
    const int64_t most_ms = 253402300799999; // 9999-12-31T23:59:59.999Z
    const char *what = "a time such as 2026-03-01T08:30:00Z, 2026-03-01 or milliseconds since "
                       "1970, in the years 1970 to 9999";
    if (in.len > 0 && digits_at(in, 0) == in.len)
        return parse_i64(in, 0, most_ms, ret_ms, why);
    size_t at = 0;
    int64_t year = fixed_digits(in, &at, 4);
    int64_t month = skip(in, &at, "-") ? fixed_digits(in, &at, 2) : -1;
    int64_t day = skip(in, &at, "-") ? fixed_digits(in, &at, 2) : -1;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in(year, month))
        return refuse(why, in, what);
    int64_t clock_ms = 0;
    if (at < in.len && (!skip(in, &at, "Tt ") || !parse_clock(in, at, &clock_ms)))
        return refuse(why, in, what);
    int64_t ms = days_of(year, month, day) * 86400000 + clock_ms;
    if (ms < 0 || ms > most_ms)
        return refuse(why, in, what);
    *ret_ms = ms;
    return ERR_OK;
}

// ---- printing

// The usual double is from 0.0001 on and below 10^14: then value * 10^scale, of 17 digits before
// the point, is exact in 128 bits with its lowest ones behind a binary point. So digits are
// rounded, and it is seen which of them read back as the same double, without a conversion there
// and back, which costs some thousand instructions each. In this range no number of 16 digits lies
// just between two doubles (it would have as many binary digits behind the point, hence more
// decimal ones), none of a double's 17 digits are rounded up to a power of ten, and that the double
// below a power of two is half as far away decides nothing (there are sixty; the test tries each).

__extension__ typedef unsigned __int128 wide;

enum { SIGNIFICANT = 17 };

struct scaled {
    wide value;     // in units of 2^-shift
    unsigned shift; // at least 1
    uint64_t ulp;   // in the same: to the next double
    int whole;      // digits before the double's point; from 0 down: zeros behind it
};

static uint64_t power(uint64_t base, int exponent)
{
    uint64_t product = 1;
    while (exponent-- > 0)
        product *= base;
    return product;
}

static struct scaled scale(double size)
{
    int exponent = 0;
    uint64_t mantissa = (uint64_t)(frexp(size, &exponent) * 0x1p53);
    // The first digit's power of ten, or one less than it.
    int ten = (int)floor((exponent - 1) * 0.30102999566398120);
    struct scaled scaled = {0};
    for (bool is_less = true; is_less; ten++) {
        int scale = SIGNIFICANT - 1 - ten;
        scaled.ulp = power(5, scale);
        scaled.value = (wide)mantissa * scaled.ulp;
        scaled.shift = (unsigned)(53 - exponent - scale);
        scaled.whole = ten + 1;
        is_less = scaled.value >> scaled.shift >= power(10, SIGNIFICANT);
    }
    return scaled;
}

// Rounds to so many digits; true where they read back as the double.
static bool round_to(const struct scaled *scaled, int digits, uint64_t *ret)
{
    uint64_t ten = power(10, SIGNIFICANT - digits),
             whole = (uint64_t)(scaled->value >> scaled->shift);
    uint64_t number = whole / ten;
    wide unit = (wide)ten << scaled->shift;
    wide rest = scaled->value - ((wide)(number * ten) << scaled->shift);
    bool is_up = 2 * rest > unit || (2 * rest == unit && number % 2 == 1);
    wide distance = is_up ? unit - rest : rest;
    *ret = number + is_up;
    return 2 * distance < scaled->ulp;
}

// Without the zeros at the end, but for one behind the point.
static size_t write_digits(uint64_t number, int digits, int whole, char *out)
{
    char text[24];
    size_t len = 0;
    for (int i = digits; i-- > 0; number /= 10)
        text[i] = (char)('0' + number % 10);
    while (digits > 1 && digits > whole && text[digits - 1] == '0')
        digits--;
    if (whole <= 0)
        out[len++] = '0';
    for (int i = 0; i < whole; i++)
        out[len++] = text[i];
    out[len++] = '.';
    for (int i = whole; i < 0; i++)
        out[len++] = '0';
    for (int i = whole < 0 ? 0 : whole; i < digits; i++)
        out[len++] = text[i];
    if (out[len - 1] == '.')
        out[len++] = '0';
    out[len] = '\0';
    return len;
}

static size_t format_usual(double value, char out[FORMAT_DOUBLE_MAX])
{
    bool is_negative = value < 0;
    struct scaled scaled = scale(fabs(value));
    uint64_t number = 0;
    int digits = 15;
    while (!round_to(&scaled, digits, &number) && digits < SIGNIFICANT)
        digits++;
    out[0] = '-';
    return is_negative + write_digits(number, digits, scaled.whole, out + is_negative);
}

size_t format_double(double value, char out[FORMAT_DOUBLE_MAX])
{
    int len = 0;
    if (fabs(value) >= 1e-4 && fabs(value) < 1e14)
        return format_usual(value, out);
    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(out, FORMAT_DOUBLE_MAX, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            break;
    }
    if (strpbrk(out, ".e") == NULL && len < FORMAT_DOUBLE_MAX - 2)
        len += snprintf(out + len, 3, ".0");
    return (size_t)len;
}

// So many digits, with zeros in front.
static char *write_number(char *out, int digits, int64_t number)
{
    for (int i = digits; i-- > 0; number /= 10)
        out[i] = (char)('0' + number % 10);
    return out + digits;
}

// The Gregorian calendar from days since 1970, counted in years that begin in March, so that the
// odd day is a year's last (Richards, Explanatory Supplement to the Astronomical Almanac, 15.11).
static void date_of(int64_t days, int64_t *ret_year, int64_t *ret_month, int64_t *ret_day)
{
    int64_t day = days + 719468; // since 0000-03-01
    int64_t era = day / 146097;  // of 400 years; no day is before 1970
    day -= era * 146097;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    int64_t month = (5 * day + 2) / 153; // from March on
    *ret_day = day - (153 * month + 2) / 5 + 1;
    *ret_month = month < 10 ? month + 3 : month - 9;
    *ret_year = year + era * 400 + (month >= 10);
}

// Any other year.
static size_t format_odd_time(int64_t ms, char out[FORMAT_TIME_MAX])
{
    int64_t seconds = ms / 1000, rest = ms % 1000;
    if (rest < 0) {
        rest += 1000;
        seconds--;
    }
    time_t when = (time_t)seconds;
    struct tm tm;
    char whole[24];
    if (gmtime_r(&when, &tm) == NULL ||
        strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        return (size_t)snprintf(out, FORMAT_TIME_MAX, "%lld", (long long)ms);
    return (size_t)snprintf(out, FORMAT_TIME_MAX, "%s.%03dZ", whole, (int)rest);
}

size_t format_time_ms(int64_t ms, char out[FORMAT_TIME_MAX])
{
    static const int64_t day_ms = 86400000, year_10000_ms = INT64_C(253402300800000);
    int64_t year = 0, month = 0, day = 0;
    if (ms < 0 || ms >= year_10000_ms)
        return format_odd_time(ms, out);
    date_of(ms / day_ms, &year, &month, &day);
    int64_t rest = ms % day_ms;
    char *at = write_number(out, 4, year);
    *at++ = '-';
    at = write_number(at, 2, month);
    *at++ = '-';
    at = write_number(at, 2, day);
    *at++ = 'T';
    at = write_number(at, 2, rest / 3600000);
    *at++ = ':';
    at = write_number(at, 2, rest / 60000 % 60);
    *at++ = ':';
    at = write_number(at, 2, rest / 1000 % 60);
    *at++ = '.';
    at = write_number(at, 3, rest % 1000);
    *at++ = 'Z';
    *at = '\0';
    return (size_t)(at - out);
}
