// SPDX-License-Identifier: MIT
#include "support/check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "people/people.h"

enum { REAL_ROWS = 1470, ROWS = 30000, SEED = 20240601 };

// Columns of numbers, [attribute][row]: the data, and as many people as we like.
struct world {
    double *real[PEOPLE_ATTRIBUTES];
    double *made[PEOPLE_ATTRIBUTES];
};

static bool is_category(enum people_attribute attribute)
{
    struct person person = {0};
    return people_value(&person, attribute).kind == VALUE_TEXT;
}

// The place of a name among those of the category.
static double place_of(enum people_attribute attribute, const char *name)
{
    struct person person = {0};
    for (;; person.values[attribute]++)
        if (bytes_equal_string(people_value(&person, attribute).text, name))
            return person.values[attribute];
}

static void read_cell(struct world *world, enum people_attribute attribute, size_t row,
                      const char *cell)
{
    world->real[attribute][row] =
        is_category(attribute) ? place_of(attribute, cell) : strtod(cell, NULL);
}

// The data have no quoted cells.
static void read_data(struct world *world)
{
    FILE *file = fopen(SOURCE_DIR "/models/data/employees.csv", "re");
    assert_non_null(file);
    char line[1024];
    int columns[64];
    size_t row = 0;
    for (bool is_head = true; fgets(line, sizeof line, file) != NULL; is_head = false) {
        char *rest = line, *cell = NULL;
        for (size_t i = 0; (cell = strsep(&rest, ",\r\n")) != NULL && i < ARRAY_LEN(columns); i++) {
            if (is_head) {
                const char *name = strncmp(cell, "\xef\xbb\xbf", 3) == 0 ? cell + 3 : cell;
                columns[i] = -1;
                for (int a = 0; a < PEOPLE_ATTRIBUTES; a++)
                    if (strcmp(people_attribute_name((enum people_attribute)a), name) == 0)
                        columns[i] = a;
            } else if (cell[0] != '\0' && columns[i] >= 0) {
                read_cell(world, (enum people_attribute)columns[i], row, cell);
            }
        }
        row += is_head ? 0 : 1;
    }
    assert_int_equal(row, REAL_ROWS);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    static struct world world;
    for (size_t i = 0; i < PEOPLE_ATTRIBUTES; i++) {
        world.real[i] = mem_array(REAL_ROWS, sizeof(double));
        world.made[i] = mem_array(ROWS, sizeof(double));
    }
    read_data(&world);
    for (size_t row = 0; row < ROWS; row++) {
        struct person person;
        people_row(SEED, row, &person);
        for (size_t i = 0; i < PEOPLE_ATTRIBUTES; i++)
            world.made[i][row] = person.values[i];
    }
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < PEOPLE_ATTRIBUTES; i++) {
        free(world->real[i]);
        free(world->made[i]);
    }
    return 0;
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double *sorted(const double *column, size_t count)
{
    double *copy = mem_array(count, sizeof *copy);
    memcpy(copy, column, count * sizeof *copy);
    qsort(copy, count, sizeof *copy, by_number);
    return copy;
}

// How many of a sorted column are not above x.
static size_t upto(const double *column, size_t count, double x)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (column[middle] <= x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static double largest_gap(const double *a, size_t a_count, const double *b, size_t b_count)
{
    CLEANUP(mem_free_p) double *a_sorted = sorted(a, a_count);
    CLEANUP(mem_free_p) double *b_sorted = sorted(b, b_count);
    double gap = 0;
    for (size_t i = 0; i < a_count + b_count; i++) {
        double x = i < a_count ? a_sorted[i] : b_sorted[i - a_count];
        double in_a = (double)upto(a_sorted, a_count, x) / (double)a_count;
        double in_b = (double)upto(b_sorted, b_count, x) / (double)b_count;
        gap = fmax(gap, fabs(in_a - in_b));
    }
    return gap;
}

// For a category the order of its names stands in for an order: shares are compared all the same.
static void each_attribute_is_distributed_as_in_the_data(void **state)
{
    const struct world *world = *state;
    for (int i = 0; i < PEOPLE_ATTRIBUTES; i++) {
        double gap = largest_gap(world->real[i], REAL_ROWS, world->made[i], ROWS);
        if (gap > 0.02)
            fail_msg("%s is off by %.4f", people_attribute_name((enum people_attribute)i), gap);
    }
}

// Ranks, equal values sharing the mean of theirs, minus the mean rank, scaled to length 1.
static double *ranks_of(const double *column, size_t count)
{
    CLEANUP(mem_free_p) double *in_order = sorted(column, count);
    double *ranks = mem_array(count, sizeof *ranks), squares = 0;
    for (size_t i = 0; i < count; i++) {
        double above = (double)upto(in_order, count, column[i]);
        double below = (double)upto(in_order, count, nextafter(column[i], (double)-INFINITY));
        ranks[i] = (above + below) / 2 - (double)count / 2;
        squares += ranks[i] * ranks[i];
    }
    for (size_t i = 0; i < count; i++)
        ranks[i] /= sqrt(squares);
    return ranks;
}

static double product(const double *a, const double *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

static void numbers_hang_together_as_in_the_data(void **state)
{
    const struct world *world = *state;
    double *real[PEOPLE_ATTRIBUTES] = {0}, *made[PEOPLE_ATTRIBUTES] = {0};
    double sum = 0;
    int pairs = 0, strong = 0;
    for (int i = 0; i < PEOPLE_ATTRIBUTES; i++) {
        real[i] = ranks_of(world->real[i], REAL_ROWS);
        made[i] = ranks_of(world->made[i], ROWS);
        for (int j = 0; j < i; j++) {
            if (is_category((enum people_attribute)i) || is_category((enum people_attribute)j))
                continue;
            double in_real = product(real[i], real[j], REAL_ROWS);
            double off = fabs(in_real - product(made[i], made[j], ROWS));
            sum += off;
            pairs++;
            strong += fabs(in_real) > 0.15 ? 1 : 0;
            if (fabs(in_real) > 0.15 && off > 0.06)
                fail_msg("%s and %s: %.3f, off by %.3f",
                         people_attribute_name((enum people_attribute)i),
                         people_attribute_name((enum people_attribute)j), in_real, off);
        }
    }
    assert_true(strong >= 30);
    assert_true(sum / pairs < 0.025);
    for (int i = 0; i < PEOPLE_ATTRIBUTES; i++) {
        free(real[i]);
        free(made[i]);
    }
}

// Department by role, in the data and among the made people.
static void a_role_is_in_a_department_that_has_it(void **state)
{
    const struct world *world = *state;
    bool is_known[16][4] = {0};
    for (size_t i = 0; i < REAL_ROWS; i++)
        is_known[(int)world->real[PEOPLE_JOB_ROLE][i]][(int)world->real[PEOPLE_DEPARTMENT][i]] =
            true;
    for (size_t i = 0; i < ROWS; i++)
        assert_true(
            is_known[(int)world->made[PEOPLE_JOB_ROLE][i]][(int)world->made[PEOPLE_DEPARTMENT][i]]);
}

static void no_row_contradicts_itself(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 200000; i++) {
        struct person person;
        people_row(SEED + 1, i, &person);
        const int32_t *v = person.values;
        int32_t working = v[PEOPLE_TOTAL_WORKING_YEARS], tenure = v[PEOPLE_YEARS_AT_COMPANY];
        int32_t companies = v[PEOPLE_NUM_COMPANIES_WORKED];
        assert_true(working >= tenure && tenure >= v[PEOPLE_YEARS_IN_CURRENT_ROLE] &&
                    tenure >= v[PEOPLE_YEARS_SINCE_LAST_PROMOTION] &&
                    tenure >= v[PEOPLE_YEARS_WITH_CURR_MANAGER] && tenure >= 0);
        assert_true(v[PEOPLE_AGE] >= 18 && v[PEOPLE_AGE] <= 60 && v[PEOPLE_AGE] - 18 >= working);
        assert_true(companies != 0 || working == tenure + 1);
        assert_true(companies != 1 || working == tenure || working == tenure + 1);
        assert_true((v[PEOPLE_PERFORMANCE_RATING] == 4) == (v[PEOPLE_PERCENT_SALARY_HIKE] >= 20));
        assert_true(v[PEOPLE_MARITAL_STATUS] != place_of(PEOPLE_MARITAL_STATUS, "Single") ||
                    v[PEOPLE_STOCK_OPTION_LEVEL] == 0);
        assert_true(v[PEOPLE_MONTHLY_INCOME] >= 1009 && v[PEOPLE_MONTHLY_INCOME] <= 19999);
    }
}

static uint64_t hash_of(uint64_t seed, uint64_t from, uint64_t to)
{
    uint64_t hash = 14695981039346656037U;
    for (uint64_t i = from; i < to; i++) {
        struct person person;
        people_row(seed, i, &person);
        for (int a = 0; a < PEOPLE_ATTRIBUTES; a++)
            hash = (hash ^ (uint64_t)person.values[a]) * 1099511628211U;
    }
    return hash;
}

// What was promised once: seeds in other people's notes keep their meaning. It holds on every
// machine and with both compilers.
static void a_seed_means_the_same_people_forever(void **state)
{
    (void)state;
    assert_true(hash_of(1, 0, 10000) == 0x406e650224e71fd5U);
}

static void a_row_can_be_made_alone(void **state)
{
    const struct world *world = *state;
    for (uint64_t i = ROWS; i > 0; i -= 7) {
        struct person person;
        people_row(SEED, i - 1, &person);
        for (int a = 0; a < PEOPLE_ATTRIBUTES; a++)
            assert_true(person.values[a] == world->made[a][i - 1]);
        if (i < 8)
            break;
    }
    assert_true(hash_of(1, 0, 1000) != hash_of(2, 0, 1000));
    assert_true(hash_of(1, 0, 1000) != hash_of(1, 1000, 2000));
}

static void *hash_in_thread(void *ret)
{
    *(uint64_t *)ret = hash_of(7, 0, 20000);
    return NULL;
}

static void threads_make_the_same_people(void **state)
{
    (void)state;
    pthread_t threads[2];
    uint64_t hashes[2] = {0};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_in_thread, &hashes[i]), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(hashes[0] == hashes[1] && hashes[0] == hash_of(7, 0, 20000));
}

static void a_chance_is_even_and_no_part_of_the_row(void **state)
{
    (void)state;
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < ROWS; i++) {
        double chance = people_chance(SEED, i, 0);
        assert_true(chance > 0 && chance < 1);
        assert_true(chance == people_chance(SEED, i, 0));
        assert_true(chance != people_chance(SEED, i, 1));
        sum += chance;
        squares += chance * chance;
    }
    assert_near(sum / ROWS, 1.0 / 2, 0.01);
    assert_near(squares / ROWS, 1.0 / 3, 0.01);
}

static void a_row_fits_the_features_file(void **state)
{
    (void)state;
    CLEANUP(features_free_p) struct features *features = NULL;
    struct why why = {0};
    assert_ok(features_load(SOURCE_DIR "/models/features.json", &features, &why), &why);
    const struct people_places places = people_places(features);
    CLEANUP(mem_free_p) struct value *row = mem_array(features->count, sizeof *row);
    for (uint64_t i = 0; i < 2000; i++) {
        struct person person;
        people_row(SEED, i, &person);
        people_fill(&person, features, &places, row);
        for (size_t a = 0; a < features->count; a++) {
            const struct attribute *attribute = &features->attributes[a];
            if (attribute->type == ATTRIBUTE_CATEGORY)
                assert_true(row[a].kind == VALUE_TEXT &&
                            attribute_category(attribute, row[a].text) >= 0);
            else
                assert_true(row[a].kind == VALUE_INTEGER &&
                            (double)row[a].integer >= attribute->min &&
                            (double)row[a].integer <= attribute->max);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_attribute_is_distributed_as_in_the_data),
        cmocka_unit_test(numbers_hang_together_as_in_the_data),
        cmocka_unit_test(a_role_is_in_a_department_that_has_it),
        cmocka_unit_test(no_row_contradicts_itself),
        cmocka_unit_test(a_seed_means_the_same_people_forever),
        cmocka_unit_test(a_row_can_be_made_alone),
        cmocka_unit_test(threads_make_the_same_people),
        cmocka_unit_test(a_chance_is_even_and_no_part_of_the_row),
        cmocka_unit_test(a_row_fits_the_features_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
