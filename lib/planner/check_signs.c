// SPDX-License-Identifier: MIT
// What is told by signs and digits: links, telephone numbers, markup, numbers that are somebody's,
// amounts of money.

#include <string.h>

#include "planner/check_parts.h"

static bool is_among(const char *text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], text) == 0)
            return true;
    return false;
}

// Two words with nothing but `sign` between them.
static bool are_joined(struct bytes action, const struct term *a, const struct term *b, char sign)
{
    return b->at == a->end + 1 && action.data[a->end] == (uint8_t)sign;
}

// A host's name ("example.com"): "e.g." and a forgotten blank behind a full stop are none.
static bool has_link(struct bytes action, const struct terms *terms)
{
    static const char *const domains[] = {
        "com",  "net", "org",    "io",    "fr",    "eu",       "de",     "uk",   "co",
        "ai",   "app", "dev",    "info",  "biz",   "gov",      "edu",    "us",   "ch",
        "be",   "ca",  "ru",     "cn",    "ly",    "xyz",      "site",   "link", "tech",
        "html", "php", "online", "cloud", "local", "internal", "example"};
    if (memchr(action.data, '@', action.len) != NULL ||
        memmem(action.data, action.len, "://", 3) != NULL)
        return true;
    for (size_t i = 1; i < terms->count; i++)
        if (are_joined(action, &terms->list[i - 1], &terms->list[i], '.') &&
            terms->list[i - 1].letters + terms->list[i - 1].digits > 1 &&
            is_among(terms->list[i].text, domains, ARRAY_LEN(domains)))
            return true;
    return false;
}

// Signs of HTML, Markdown, TeX and templates, and an entity ("&lt;", "&#60;").
static bool has_markup(struct bytes action)
{
    static const bool is_markup[256] = {
        ['<'] = true, ['>'] = true,  ['*'] = true, ['_'] = true, ['`'] = true,
        ['#'] = true, ['['] = true,  [']'] = true, ['{'] = true, ['}'] = true,
        ['|'] = true, ['\\'] = true, ['^'] = true, ['~'] = true};
    for (size_t i = 0; i < action.len; i++) {
        if (is_markup[action.data[i]])
            return true;
        size_t end = i + 1;
        while (action.data[i] == '&' && end < action.len &&
               ((action.data[end] | 0x20) >= 'a' && (action.data[end] | 0x20) <= 'z'))
            end++;
        if (end > i + 1 && end < action.len && action.data[end] == ';')
            return true;
    }
    return false;
}

// A run of digits, and of what may stand between those of a telephone number.
struct run {
    size_t digits, groups;
    bool begins_as_phone; // with + or 0
};

static struct run run_at(struct bytes action, size_t *at)
{
    static const char between[] = " .-/()";
    struct run run = {0};
    bool is_group = false;
    size_t i = *at;
    run.begins_as_phone = action.data[i] == '0' || (i > 0 && action.data[i - 1] == '+');
    for (; i < action.len; i++) {
        bool is_digit = action.data[i] >= '0' && action.data[i] <= '9';
        if (!is_digit && memchr(between, action.data[i], sizeof between - 1) == NULL)
            break;
        run.digits += is_digit ? 1 : 0;
        run.groups += is_digit && !is_group ? 1 : 0;
        is_group = is_digit;
    }
    *at = i;
    return run;
}

static bool has_phone(struct bytes action)
{
    enum { PHONE_MIN = 7 };
    for (size_t i = 0; i < action.len; i++) {
        if (action.data[i] < '0' || action.data[i] > '9')
            continue;
        struct run run = run_at(action, &i);
        if (run.digits >= PHONE_MIN && (run.groups > 1 || run.begins_as_phone))
            return true;
    }
    return false;
}

static bool is_number(const struct term *term)
{
    return term->letters == 0;
}

// "2027": no number of anybody.
static bool is_year(const struct term *term)
{
    return is_number(term) && term->digits == 4 && strncmp(term->text, "20", 2) == 0;
}

// Four digits and more, three beside letters ("EMP042"), or thousands ("12,000").
static bool has_id(struct bytes action, const struct terms *terms)
{
    for (size_t i = 0; i < terms->count; i++) {
        const struct term *term = &terms->list[i];
        const struct term *before = i == 0 ? NULL : &terms->list[i - 1];
        if (!is_year(term) && (term->digits >= 4 || (term->digits == 3 && !is_number(term))))
            return true;
        if (before != NULL && is_number(term) && term->digits == 3 && is_number(before) &&
            term->at - before->end <= 3 && !are_joined(action, before, term, '-') &&
            !are_joined(action, before, term, '/'))
            return true;
    }
    return false;
}

enum fault check_signs(const struct check *check, enum language language, struct bytes action,
                       const struct terms *terms)
{
    (void)check;
    (void)language;
    if (has_link(action, terms))
        return FAULT_LINK;
    if (has_phone(action))
        return FAULT_PHONE;
    if (has_markup(action))
        return FAULT_MARKUP;
    return has_id(action, terms) ? FAULT_ID_DIGITS : FAULT_NONE;
}

static bool has_currency(struct bytes action)
{
    for (size_t at = 0; at < action.len;) {
        struct glyph glyph = glyph_at(action, at);
        if (glyph.code == '$' || glyph.code == 0x20ac || glyph.code == 0xa3 || glyph.code == 0xa5)
            return true;
        at += glyph.len;
    }
    return false;
}

// "10k"
static bool is_thousands(const struct term *term)
{
    return term->digits > 0 && term->letters == 1 && term->text[strlen(term->text) - 1] == 'k';
}

// "%", "percent", "per cent", "pour cent"
static bool is_percent(struct bytes action, const struct terms *terms, size_t i)
{
    const struct term *term = &terms->list[i];
    size_t from = term->end;
    while (from < action.len && glyph_at(action, from).kind == GLYPH_BLANK)
        from += glyph_at(action, from).len;
    bool has_sign = from < action.len && action.data[from] == '%';
    bool is_split = i > 0 && strcmp(term->text, "cent") == 0 &&
                    (strcmp(term[-1].text, "per") == 0 || strcmp(term[-1].text, "pour") == 0);
    return has_sign || is_split || strcmp(term->text, "percent") == 0;
}

// A rate, or a number of three digits and more that is no year.
static bool is_rate_or_amount(struct bytes action, const struct terms *terms, size_t i)
{
    const struct term *term = &terms->list[i];
    return is_percent(action, terms, i) || (is_number(term) && term->digits > 2 && !is_year(term));
}

bool signs_have_money(struct bytes action, const struct terms *terms)
{
    bool speaks_of_pay = false, has_number = false;
    for (size_t i = 0; i < terms->count; i++) {
        if (is_thousands(&terms->list[i]))
            return true;
        speaks_of_pay = speaks_of_pay || (terms->list[i].sets & LIST_BIT(LIST_PAY)) != 0;
    }
    for (size_t i = 0; i < terms->count && speaks_of_pay && !has_number; i++)
        has_number = is_rate_or_amount(action, terms, i);
    return has_number || has_currency(action);
}
