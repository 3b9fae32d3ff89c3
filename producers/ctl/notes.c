// SPDX-License-Identifier: MIT
// A rule that does not refuse is here told in its words, or where it has none by its id.

#include "notes.h"

#include "domain/employee.h"

enum err notes_write(const struct model *model, const struct features *features,
                     const struct value *values, enum language language, struct text *out,
                     struct why *why)
{
    const size_t before = out->len;
    enum err err = model_describe(model, values, out);
    for (size_t i = 0; err == ERR_OK && i < features->rule_count; i++) {
        const struct rule *rule = &features->rules[i];
        if (!employee_keeps(rule, values))
            err = text_printf(out, "%s%s", out->len > before ? "; " : "",
                              words_or(&rule->words, language, rule->id));
    }
    return err == ERR_OK ? ERR_OK : why_say(why, ERR_FATAL, "the notes are too long");
}
