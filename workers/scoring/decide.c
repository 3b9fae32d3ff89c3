// SPDX-License-Identifier: MIT
#include "decide.h"

// A prediction says where it came from and why it is what it is; nothing in it depends on when or
// where it was computed, but scored_at.

struct decide_places decide_places_of(const struct features *features)
{
    return (struct decide_places){features_find(features, bytes_from_string("Department")),
                                  features_find(features, bytes_from_string("JobRole"))};
}

// The value of a category in the spelling of the features; a spelling they do not know stays as it
// is.
static struct bytes category_text(const struct features *features, int at,
                                  const struct value *attributes)
{
    if (at < 0 || attributes[at].kind != VALUE_TEXT)
        return (struct bytes){0};
    const struct attribute *attribute = &features->attributes[at];
    int category = attribute_category(attribute, attributes[at].text);
    return category < 0 ? attributes[at].text
                        : bytes_from_string(attribute->categories[category].name);
}

void decide_prediction(const struct features *features, const struct decide_places *places,
                       const struct model *model, const struct employee_change *change,
                       const struct score *score, const struct bus_message *message,
                       struct bytes prediction_id, int64_t scored_at_ms, enum trigger trigger,
                       struct prediction *ret)
{
    *ret = (struct prediction){
        .prediction_id = prediction_id,
        .employee_id = change->employee_id,
        .event_id = change->event_id,
        .event_time_ms = change->event_time_ms,
        .scored_at_ms = scored_at_ms,
        .has_probability = score->band != BAND_UNKNOWN,
        .churn_probability = score->probability,
        .band = score->band,
        .threshold = model_threshold(model),
        .model_id = bytes_from_string(model_id(model)),
        .base_log_odds = score->base_log_odds,
        .department = category_text(features, places->department, change->attributes),
        .job_role = category_text(features, places->job_role, change->attributes),
        .trigger = trigger,
        .requested_by = change->requested_by,
        .source_topic = bytes_from_string(message->topic),
        .source_partition = message->partition,
        .source_offset = message->offset,
    };
    for (size_t i = 0; i < score->reason_count; i++) {
        ret->reasons[i].attribute =
            bytes_from_string(features->attributes[score->reasons[i].attribute].name);
        ret->reasons[i].weight = score->reasons[i].weight;
    }
}

bool decide_is_due(const struct decide_commit *rule, int64_t age_ms, int64_t bytes, bool is_drained,
                   bool yields)
{
    int64_t most_ms =
        yields && rule->interval_ms > DECIDE_YIELD_MS ? DECIDE_YIELD_MS : rule->interval_ms;
    return (is_drained && age_ms >= rule->drain_ms) || age_ms >= most_ms || bytes >= rule->bytes;
}
