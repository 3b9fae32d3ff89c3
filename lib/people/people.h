// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>

#include "base/value.h"
#include "domain/features.h"

// A synthetic workforce of any size: people like those of models/data, whom nobody ever was. For
// tests, benchmarks and demonstrations; it says nothing about real people. Row `index` of workforce
// `seed` is a pure function of the two: it can be made alone, in any order, on any thread, and is
// the same on every machine.
//
// Every row keeps the rules of that data (years at the company are within the working life, single
// people hold no stock options, a role belongs to its department ..). Distributions of single
// attributes are within 0.02 of the data's (Kolmogorov-Smirnov), rank correlations within 0.06.

enum people_attribute {
    PEOPLE_AGE,
    PEOPLE_BUSINESS_TRAVEL,
    PEOPLE_DAILY_RATE,
    PEOPLE_DEPARTMENT,
    PEOPLE_DISTANCE_FROM_HOME,
    PEOPLE_EDUCATION,
    PEOPLE_EDUCATION_FIELD,
    PEOPLE_ENVIRONMENT_SATISFACTION,
    PEOPLE_GENDER,
    PEOPLE_HOURLY_RATE,
    PEOPLE_JOB_INVOLVEMENT,
    PEOPLE_JOB_LEVEL,
    PEOPLE_JOB_ROLE,
    PEOPLE_JOB_SATISFACTION,
    PEOPLE_MARITAL_STATUS,
    PEOPLE_MONTHLY_INCOME,
    PEOPLE_MONTHLY_RATE,
    PEOPLE_NUM_COMPANIES_WORKED,
    PEOPLE_OVER_TIME,
    PEOPLE_PERCENT_SALARY_HIKE,
    PEOPLE_PERFORMANCE_RATING,
    PEOPLE_RELATIONSHIP_SATISFACTION,
    PEOPLE_STOCK_OPTION_LEVEL,
    PEOPLE_TOTAL_WORKING_YEARS,
    PEOPLE_TRAINING_TIMES_LAST_YEAR,
    PEOPLE_WORK_LIFE_BALANCE,
    PEOPLE_YEARS_AT_COMPANY,
    PEOPLE_YEARS_IN_CURRENT_ROLE,
    PEOPLE_YEARS_SINCE_LAST_PROMOTION,
    PEOPLE_YEARS_WITH_CURR_MANAGER,
    PEOPLE_ATTRIBUTES
};

struct person {
    int32_t values[PEOPLE_ATTRIBUTES]; // of a category: its place in the order of its names
};

void people_row(uint64_t seed, uint64_t index, struct person *ret);

// A number in (0, 1) that belongs to this row and takes part in none of its values: for instance to
// let each person leave with a probability. `which`: 0 and on.
double people_chance(uint64_t seed, uint64_t index, uint32_t which);

const char *people_attribute_name(enum people_attribute attribute); // "MonthlyIncome"
// As an integer or a text (static), in the spelling of the data.
struct value people_value(const struct person *person, enum people_attribute attribute);

// A row for features: ret has features->count values, null where the features have an attribute
// that these people lack. Finds each attribute by its name: `places`, filled once by people_places,
// says where.
struct people_places {
    int at[PEOPLE_ATTRIBUTES]; // index in the features, -1: not there
};
struct people_places people_places(const struct features *features);
void people_fill(const struct person *person, const struct features *features,
                 const struct people_places *places, struct value *ret);
