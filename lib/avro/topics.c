// SPDX-License-Identifier: MIT
#include "avro/topics.h"

#include <string.h>

#include "base/compiler.h"

// One table. Each topic has a subject of its own in the registry, so that a topic can move on
// alone, also where two should come to share a schema.

extern const char avro_text_employee_changed[];
extern const char avro_text_prediction[];
extern const char avro_text_high_risk[];
extern const char avro_text_plan_requested[];
extern const char avro_text_retention_plan[];
extern const char avro_text_hris_progress[];

static const struct avro_topic topics[] = {
    {"employee-changes", avro_text_employee_changed, true},
    {"score-requests", avro_text_employee_changed, true},
    {"employee-rescore", avro_text_employee_changed, true},
    {"predictions", avro_text_prediction, false},
    {"high-risk", avro_text_high_risk, false},
    {"prediction-replies", avro_text_prediction, false},
    {"plan-requests", avro_text_plan_requested, false},
    {"retention-plans", avro_text_retention_plan, false},
    {"plan-replies", avro_text_retention_plan, false},
    {"hris-progress", avro_text_hris_progress, false},
};

size_t avro_topics(const struct avro_topic **ret)
{
    *ret = topics;
    return ARRAY_LEN(topics);
}

const struct avro_topic *avro_topic_find(const char *topic)
{
    for (size_t i = 0; i < ARRAY_LEN(topics); i++)
        if (strcmp(topics[i].topic, topic) == 0)
            return &topics[i];
    return NULL;
}
