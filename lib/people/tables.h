// SPDX-License-Identifier: MIT
#pragma once

#include <stddef.h>

// The inside of lib/people: the constants that people.c draws with. What they are is said in
// tables.c.

struct step {
    int value;
    double upto; // probability of this value or one before it in the list
};
struct steps {
    const struct step *list;
    size_t count;
};

enum { PEOPLE_CELLS = 11, PEOPLE_QUANTILES = 15, PEOPLE_LATENT = 9 };

struct people_cell {
    int department, job_role;
    int upto; // of 1,470 people, those in this cell and the cells before it
};
extern const struct people_cell people_cells[PEOPLE_CELLS];
extern const struct steps people_job_level[]; // by job role
extern const double people_quantile_p[PEOPLE_QUANTILES];
extern const int people_income[][PEOPLE_QUANTILES]; // by group, see people.c
extern const int people_rates[][PEOPLE_QUANTILES];  // daily, hourly, monthly
extern const struct steps people_working_years[];   // by job level, from 1
extern const int people_gap_bands[];                // of working years
extern const struct steps people_gap[];             // years over 18 without work
extern const int people_companies_bands[];          // of working years
extern const struct steps people_companies[];
extern const int people_before_bands[];    // of working years
extern const struct steps people_before[]; // years of work elsewhere
extern const int people_tenure_bands[];    // of years at the company, for the next three
extern const struct steps people_in_role[];
extern const struct steps people_since_promotion[];
extern const struct steps people_with_manager[];
extern const int people_education_bands[]; // of age
extern const struct steps people_education[];
extern const struct steps people_education_field[]; // by department
extern const struct steps people_stock[];           // by marital status
extern const struct steps people_independent[];     // see people.c
// Lower triangle that makes the nine latent normals of independent ones.
extern const double people_mix[PEOPLE_LATENT][PEOPLE_LATENT];
extern const double people_p_gap1; // one employer, and yet a year of work before
