// SPDX-License-Identifier: MIT
// A person is drawn along a chain in which each value depends on few others: department and role,
// level, pay, working years, age, employers, tenure, and so on; where it matters for which value a
// draw is used in both directions, nine normals with the correlations that the chain leaves over
// take the place of independent draws. All of it is additions, multiplications, divisions and
// square roots beside our own exp: the C library's log and erf would give other bits elsewhere.
//
// Draws are numbered, not taken from a stream: draw d of row i of seed s is a hash of the three, so
// that a change of one value's rule moves no other value.

#include "people/people.h"

#include <math.h>
#include <string.h>

#include "base/exp.h"
#include "people/tables.h"

enum draw {
    DRAW_LATENT, // PEOPLE_LATENT of them
    DRAW_CELL = DRAW_LATENT + PEOPLE_LATENT,
    DRAW_EDUCATION,
    DRAW_EDUCATION_FIELD,
    DRAW_STOCK,
    DRAW_RATES,                         // 3 of them
    DRAW_INDEPENDENT = DRAW_RATES + 3,  // 12 of them
    DRAW_CHANCE = DRAW_INDEPENDENT + 12 // the caller's
};

// Places in the latent normals.
enum {
    LATENT_JOB_LEVEL,
    LATENT_INCOME,
    LATENT_WORKING_YEARS,
    LATENT_AGE,
    LATENT_COMPANIES,
    LATENT_TENURE,
    LATENT_IN_ROLE,
    LATENT_SINCE_PROMOTION,
    LATENT_WITH_MANAGER
};

static const enum people_attribute independent[] = {PEOPLE_DISTANCE_FROM_HOME,
                                                    PEOPLE_ENVIRONMENT_SATISFACTION,
                                                    PEOPLE_JOB_INVOLVEMENT,
                                                    PEOPLE_JOB_SATISFACTION,
                                                    PEOPLE_PERCENT_SALARY_HIKE,
                                                    PEOPLE_RELATIONSHIP_SATISFACTION,
                                                    PEOPLE_TRAINING_TIMES_LAST_YEAR,
                                                    PEOPLE_WORK_LIFE_BALANCE,
                                                    PEOPLE_MARITAL_STATUS,
                                                    PEOPLE_BUSINESS_TRAVEL,
                                                    PEOPLE_GENDER,
                                                    PEOPLE_OVER_TIME};

// The mixing function of SplitMix64 (Steele, Lea and Flood, 2014).
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9U;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebU;
    return x ^ x >> 31;
}

static const uint64_t golden = 0x9e3779b97f4a7c15U;

static uint64_t key_of(uint64_t seed, uint64_t index)
{
    return mix(mix(seed + golden) + index * golden);
}

// In (0, 1), symmetric around a half.
static double draw(uint64_t key, uint32_t which)
{
    return ((double)(mix(key + (which + 1) * golden) >> 11) + 0.5) * 0x1p-53;
}

// ln x for x > 0 and normal: x = 2^e m, and the series of 2 artanh((m - 1) / (m + 1)) with
// m in [sqrt 1/2, sqrt 2): the terms left out are below 1e-16.
static double natural_log(double x)
{
    int e = 0;
    double m = frexp(x, &e); // exact
    if (m < 0x1.6a09e667f3bcdp-1) {
        m *= 2;
        e--;
    }
    double s = (m - 1) / (m + 1), square = s * s, sum = 0;
    for (int k = 21; k >= 1; k -= 2)
        sum = sum * square + 1.0 / k;
    return e * 0x1.62e42fefa39efp-1 + 2 * s * sum;
}

static double polynomial(const double *coefficients, size_t count, double x)
{
    double sum = 0;
    for (size_t i = count; i > 0; i--)
        sum = sum * x + coefficients[i - 1];
    return sum;
}

// The normal number that is exceeded with probability 1 - p: algorithm AS 241 (Wichura, 1988), in
// the version of 7 digits.
static double normal_quantile(double p)
{
    static const double a[] = {3.3871327179, 50.434271938, 159.29113202, 59.109374720};
    static const double b[] = {1, 17.895169469, 78.757757664, 67.187563600};
    static const double c[] = {1.4234372777, 2.7568153900, 1.3067284816, 0.17023821103};
    static const double d[] = {1, 0.73700164250, 0.12021132975};
    static const double e[] = {6.6579051150, 3.0812263860, 0.42868294337, 0.017337203997};
    static const double f[] = {1, 0.24197894225, 0.012258202635};
    double q = p - 0.5;
    if (fabs(q) <= 0.425) {
        double r = 0.180625 - q * q;
        return q * polynomial(a, 4, r) / polynomial(b, 4, r);
    }
    double r = sqrt(-natural_log(q < 0 ? p : 1 - p));
    double size = r <= 5 ? polynomial(c, 4, r - 1.6) / polynomial(d, 3, r - 1.6)
                         : polynomial(e, 4, r - 5) / polynomial(f, 3, r - 5);
    return q < 0 ? -size : size;
}

// The probability of a normal number up to z: formula 26.2.17 of Abramowitz and Stegun, off by less
// than 1e-7, inside (0, 1).
static double normal_probability(double z)
{
    static const double c[] = {0,           0.319381530,  -0.356563782,
                               1.781477937, -1.821255978, 1.330274429};
    double t = 1 / (1 + 0.2316419 * fabs(z));
    double tail = 0.3989422804014327 * exp_negative(-z * z / 2) * polynomial(c, 6, t);
    tail = tail < 0x1p-40 ? 0x1p-40 : tail;
    return z < 0 ? tail : 1 - tail;
}

// The latent uniforms; one that depends on no other is the draw itself.
static void draw_latent(uint64_t key, double ret[PEOPLE_LATENT])
{
    double normal[PEOPLE_LATENT];
    for (size_t i = 0; i < PEOPLE_LATENT; i++) {
        double u = draw(key, DRAW_LATENT + (uint32_t)i), z = 0;
        normal[i] = normal_quantile(u);
        for (size_t j = 0; j <= i; j++)
            z += people_mix[i][j] * normal[j];
        ret[i] = people_mix[i][i] < 1 ? normal_probability(z) : u;
    }
}

static int pick(const struct steps *steps, double u)
{
    size_t i = 0;
    while (i + 1 < steps->count && u > steps->list[i].upto)
        i++;
    return steps->list[i].value;
}

// The list for the band that x is in.
static const struct steps *banded(const struct steps *lists, const int *bands, int x)
{
    size_t i = 0;
    while (x >= bands[i + 1])
        i++;
    return &lists[i];
}

static int between(const int quantiles[PEOPLE_QUANTILES], double u)
{
    size_t i = 1;
    while (i + 1 < PEOPLE_QUANTILES && u > people_quantile_p[i])
        i++;
    double share =
        (u - people_quantile_p[i - 1]) / (people_quantile_p[i] - people_quantile_p[i - 1]);
    return (int)floor(quantiles[i - 1] + share * (quantiles[i] - quantiles[i - 1]) + 0.5);
}

// Which of the lists of incomes: pay goes by level, and some roles of a level are paid apart.
static size_t income_group(int level, int role)
{
    enum { TECHNICIAN = 2, MANAGER = 3, DIRECTOR = 5, SCIENTIST = 6, REPRESENTATIVE = 8 };
    bool is_leading = role == MANAGER || role == DIRECTOR;
    bool is_laboratory = role == TECHNICIAN || role == SCIENTIST;
    switch (level) {
    case 1:
        return role == REPRESENTATIVE ? 1 : 0;
    case 2:
        return is_laboratory || role == REPRESENTATIVE ? 3 : 2;
    case 3:
        return is_leading ? 5 : is_laboratory ? 6 : 4;
    case 4:
        return is_leading ? 8 : 7;
    default:
        return 9;
    }
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int years_at_company(int companies, int working, double u)
{
    if (companies == 0)
        return working > 0 ? working - 1 : 0;
    if (companies == 1)
        return working > 0 && u < people_p_gap1 ? working - 1 : working;
    int before = pick(banded(people_before, people_before_bands, working), 1 - u);
    before = before < 2 ? 2 : before;
    return working > before ? working - before : 0;
}

static void draw_job(uint64_t key, const double *latent, int32_t *v)
{
    double place = draw(key, DRAW_CELL) * people_cells[PEOPLE_CELLS - 1].upto;
    size_t cell = 0;
    while (place > people_cells[cell].upto)
        cell++;
    v[PEOPLE_DEPARTMENT] = people_cells[cell].department;
    v[PEOPLE_JOB_ROLE] = people_cells[cell].job_role;
    v[PEOPLE_JOB_LEVEL] = pick(&people_job_level[v[PEOPLE_JOB_ROLE]], latent[LATENT_JOB_LEVEL]);
    size_t group = income_group(v[PEOPLE_JOB_LEVEL], v[PEOPLE_JOB_ROLE]);
    v[PEOPLE_MONTHLY_INCOME] = between(people_income[group], latent[LATENT_INCOME]);
}

static void draw_years(const double *latent, int32_t *v)
{
    const struct steps *by_level = &people_working_years[v[PEOPLE_JOB_LEVEL] - 1];
    int working = pick(by_level, latent[LATENT_WORKING_YEARS]);
    int gap = pick(banded(people_gap, people_gap_bands, working), latent[LATENT_AGE]);
    int companies =
        pick(banded(people_companies, people_companies_bands, working), latent[LATENT_COMPANIES]);
    int tenure = years_at_company(companies, working, latent[LATENT_TENURE]);
    v[PEOPLE_TOTAL_WORKING_YEARS] = working;
    v[PEOPLE_AGE] = smaller(60, 18 + working + gap);
    v[PEOPLE_NUM_COMPANIES_WORKED] = companies;
    v[PEOPLE_YEARS_AT_COMPANY] = tenure;
    v[PEOPLE_YEARS_IN_CURRENT_ROLE] = smaller(
        tenure, pick(banded(people_in_role, people_tenure_bands, tenure), latent[LATENT_IN_ROLE]));
    v[PEOPLE_YEARS_SINCE_LAST_PROMOTION] =
        smaller(tenure, pick(banded(people_since_promotion, people_tenure_bands, tenure),
                             latent[LATENT_SINCE_PROMOTION]));
    v[PEOPLE_YEARS_WITH_CURR_MANAGER] =
        smaller(tenure, pick(banded(people_with_manager, people_tenure_bands, tenure),
                             latent[LATENT_WITH_MANAGER]));
}

void people_row(uint64_t seed, uint64_t index, struct person *ret)
{
    static const enum people_attribute rates[] = {PEOPLE_DAILY_RATE, PEOPLE_HOURLY_RATE,
                                                  PEOPLE_MONTHLY_RATE};
    const uint64_t key = key_of(seed, index);
    double latent[PEOPLE_LATENT];
    int32_t *v = ret->values;
    draw_latent(key, latent);
    draw_job(key, latent, v);
    draw_years(latent, v);
    for (size_t i = 0; i < ARRAY_LEN(independent); i++)
        v[independent[i]] = pick(&people_independent[i], draw(key, DRAW_INDEPENDENT + (uint32_t)i));
    for (size_t i = 0; i < ARRAY_LEN(rates); i++)
        v[rates[i]] = between(people_rates[i], draw(key, DRAW_RATES + (uint32_t)i));
    v[PEOPLE_EDUCATION] = pick(banded(people_education, people_education_bands, v[PEOPLE_AGE]),
                               draw(key, DRAW_EDUCATION));
    v[PEOPLE_EDUCATION_FIELD] =
        pick(&people_education_field[v[PEOPLE_DEPARTMENT]], draw(key, DRAW_EDUCATION_FIELD));
    v[PEOPLE_STOCK_OPTION_LEVEL] =
        pick(&people_stock[v[PEOPLE_MARITAL_STATUS]], draw(key, DRAW_STOCK));
    v[PEOPLE_PERFORMANCE_RATING] = v[PEOPLE_PERCENT_SALARY_HIKE] >= 20 ? 4 : 3;
}

double people_chance(uint64_t seed, uint64_t index, uint32_t which)
{
    return draw(key_of(seed, index), DRAW_CHANCE + which);
}

// Names as in the data; those of categories in alphabetical order, NULL behind the last.
static const struct {
    const char *name;
    const char *categories[10];
} attributes[PEOPLE_ATTRIBUTES] = {
    [PEOPLE_AGE] = {"Age", {NULL}},
    [PEOPLE_BUSINESS_TRAVEL] = {"BusinessTravel",
                                {"Non-Travel", "Travel_Frequently", "Travel_Rarely"}},
    [PEOPLE_DAILY_RATE] = {"DailyRate", {NULL}},
    [PEOPLE_DEPARTMENT] = {"Department", {"Human Resources", "Research & Development", "Sales"}},
    [PEOPLE_DISTANCE_FROM_HOME] = {"DistanceFromHome", {NULL}},
    [PEOPLE_EDUCATION] = {"Education", {NULL}},
    [PEOPLE_EDUCATION_FIELD] = {"EducationField",
                                {"Human Resources", "Life Sciences", "Marketing", "Medical",
                                 "Other", "Technical Degree"}},
    [PEOPLE_ENVIRONMENT_SATISFACTION] = {"EnvironmentSatisfaction", {NULL}},
    [PEOPLE_GENDER] = {"Gender", {"Female", "Male"}},
    [PEOPLE_HOURLY_RATE] = {"HourlyRate", {NULL}},
    [PEOPLE_JOB_INVOLVEMENT] = {"JobInvolvement", {NULL}},
    [PEOPLE_JOB_LEVEL] = {"JobLevel", {NULL}},
    [PEOPLE_JOB_ROLE] = {"JobRole",
                         {"Healthcare Representative", "Human Resources", "Laboratory Technician",
                          "Manager", "Manufacturing Director", "Research Director",
                          "Research Scientist", "Sales Executive", "Sales Representative"}},
    [PEOPLE_JOB_SATISFACTION] = {"JobSatisfaction", {NULL}},
    [PEOPLE_MARITAL_STATUS] = {"MaritalStatus", {"Divorced", "Married", "Single"}},
    [PEOPLE_MONTHLY_INCOME] = {"MonthlyIncome", {NULL}},
    [PEOPLE_MONTHLY_RATE] = {"MonthlyRate", {NULL}},
    [PEOPLE_NUM_COMPANIES_WORKED] = {"NumCompaniesWorked", {NULL}},
    [PEOPLE_OVER_TIME] = {"OverTime", {"No", "Yes"}},
    [PEOPLE_PERCENT_SALARY_HIKE] = {"PercentSalaryHike", {NULL}},
    [PEOPLE_PERFORMANCE_RATING] = {"PerformanceRating", {NULL}},
    [PEOPLE_RELATIONSHIP_SATISFACTION] = {"RelationshipSatisfaction", {NULL}},
    [PEOPLE_STOCK_OPTION_LEVEL] = {"StockOptionLevel", {NULL}},
    [PEOPLE_TOTAL_WORKING_YEARS] = {"TotalWorkingYears", {NULL}},
    [PEOPLE_TRAINING_TIMES_LAST_YEAR] = {"TrainingTimesLastYear", {NULL}},
    [PEOPLE_WORK_LIFE_BALANCE] = {"WorkLifeBalance", {NULL}},
    [PEOPLE_YEARS_AT_COMPANY] = {"YearsAtCompany", {NULL}},
    [PEOPLE_YEARS_IN_CURRENT_ROLE] = {"YearsInCurrentRole", {NULL}},
    [PEOPLE_YEARS_SINCE_LAST_PROMOTION] = {"YearsSinceLastPromotion", {NULL}},
    [PEOPLE_YEARS_WITH_CURR_MANAGER] = {"YearsWithCurrManager", {NULL}},
};

const char *people_attribute_name(enum people_attribute attribute)
{
    return attributes[attribute].name;
}

struct value people_value(const struct person *person, enum people_attribute attribute)
{
    int32_t value = person->values[attribute];
    if (attributes[attribute].categories[0] == NULL)
        return (struct value){.kind = VALUE_INTEGER, .integer = value};
    const char *name = attributes[attribute].categories[value];
    return (struct value){.kind = VALUE_TEXT, .text = bytes_from_string(name)};
}

struct people_places people_places(const struct features *features)
{
    struct people_places places;
    for (size_t i = 0; i < PEOPLE_ATTRIBUTES; i++)
        places.at[i] = features_find(features, bytes_from_string(attributes[i].name));
    return places;
}

void people_fill(const struct person *person, const struct features *features,
                 const struct people_places *places, struct value *ret)
{
    memset(ret, 0, features->count * sizeof *ret);
    for (size_t i = 0; i < PEOPLE_ATTRIBUTES; i++)
        if (places->at[i] >= 0)
            ret[places->at[i]] = people_value(person, (enum people_attribute)i);
}
