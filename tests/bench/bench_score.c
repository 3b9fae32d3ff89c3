// SPDX-License-Identifier: MIT
// The C side of tests/bench/score. `people N` writes N synthetic people as CSV; `run MODEL N
// ROUNDS` scores them ROUNDS times and prints a line of JSON a round: nanoseconds of CPU per row.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/parse.h"
#include "model/model.h"
#include "people/people.h"

enum { SEED = 1, BLOCK_ROWS = 256 };

static double cpu_ns(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void write_people(uint64_t count)
{
    printf("EmployeeNumber");
    for (int a = 0; a < PEOPLE_ATTRIBUTES; a++)
        printf(",%s", people_attribute_name((enum people_attribute)a));
    printf("\n");
    for (uint64_t i = 0; i < count; i++) {
        struct person person;
        people_row(SEED, i, &person);
        printf("%llu", (unsigned long long)i);
        for (int a = 0; a < PEOPLE_ATTRIBUTES; a++) {
            struct value value = people_value(&person, (enum people_attribute)a);
            if (value.kind == VALUE_TEXT)
                printf(",%.*s", (int)value.text.len, (const char *)value.text.data);
            else
                printf(",%lld", (long long)value.integer);
        }
        printf("\n");
    }
}

struct bench {
    struct features *features;
    struct model *model;
    struct value *rows;
    size_t count;
    struct model_block **blocks; // all rows, prepared
    size_t block_count;
    struct score scores[BLOCK_ROWS];
};

static void prepare(struct bench *bench)
{
    struct people_places places = people_places(bench->features);
    const size_t width = bench->features->count;
    bench->rows = mem_array(bench->count * width, sizeof *bench->rows);
    bench->block_count = (bench->count + BLOCK_ROWS - 1) / BLOCK_ROWS;
    bench->blocks = mem_array(bench->block_count, sizeof(struct model_block *));
    for (size_t i = 0; i < bench->count; i++) {
        struct person person;
        people_row(SEED, i, &person);
        people_fill(&person, bench->features, &places, bench->rows + i * width);
        if (i % BLOCK_ROWS == 0)
            bench->blocks[i / BLOCK_ROWS] = model_block_new(bench->model, BLOCK_ROWS);
        model_block_put(bench->blocks[i / BLOCK_ROWS], bench->rows + i * width);
    }
}

// Rows that stand ready, as a matrix does for numpy.
static double score_prepared(struct bench *bench, bool has_reasons, double *ret_sum)
{
    double sum = 0, before = cpu_ns();
    for (size_t b = 0; b < bench->block_count; b++) {
        model_block_score(bench->blocks[b], has_reasons, bench->scores);
        for (size_t i = 0; i < model_block_rows(bench->blocks[b]); i++)
            sum += bench->scores[i].probability;
    }
    *ret_sum = sum;
    return (cpu_ns() - before) / (double)bench->count;
}

// From values with texts, as a decoder or a reader of files leaves them, to scores.
static double score_values(struct bench *bench)
{
    const size_t width = bench->features->count;
    struct model_block *block = bench->blocks[0];
    double before = cpu_ns();
    for (size_t from = 0; from < bench->count; from += BLOCK_ROWS) {
        model_block_clear(block);
        for (size_t i = from; i < from + BLOCK_ROWS && i < bench->count; i++)
            model_block_put(block, bench->rows + i * width);
        model_block_score(block, false, bench->scores);
    }
    double taken = (cpu_ns() - before) / (double)bench->count;
    model_block_clear(block);
    for (size_t i = 0; i < BLOCK_ROWS && i < bench->count; i++)
        model_block_put(block, bench->rows + i * width);
    return taken;
}

static double score_alone(struct bench *bench)
{
    const size_t width = bench->features->count, rows = bench->count < 20000 ? bench->count : 20000;
    CLEANUP(model_block_free_p) struct model_block *block = model_block_new(bench->model, 1);
    double before = cpu_ns();
    for (size_t i = 0; i < rows; i++) {
        model_block_clear(block);
        model_block_put(block, bench->rows + i * width);
        model_block_score(block, true, bench->scores);
    }
    return (cpu_ns() - before) / (double)rows;
}

static int run(const char *features, const char *path, size_t count, int64_t rounds)
{
    struct bench bench = {.count = count};
    struct why why = {0};
    if (features_load(features, &bench.features, &why) != ERR_OK ||
        model_load(path, bench.features, &bench.model, &why) != ERR_OK) {
        fprintf(stderr, "bench-score: %s\n", why.text);
        return 1;
    }
    prepare(&bench);
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int64_t i = 0; i < rounds; i++) {
        char line[8];
        if (fgets(line, sizeof line, stdin) == NULL) // a line from the script begins a round
            break;
        double sum = 0, scored = score_prepared(&bench, false, &sum);
        double explained = score_prepared(&bench, true, &sum);
        printf("{\"score\":%.2f,\"reasons\":%.2f,\"values\":%.2f,\"alone\":%.2f,\"sum\":%.17g}\n",
               scored, explained, score_values(&bench), score_alone(&bench), sum);
    }
    for (size_t b = 0; b < bench.block_count; b++)
        model_block_free(bench.blocks[b]);
    free(bench.blocks);
    free(bench.rows);
    model_free(bench.model);
    features_free(bench.features);
    return 0;
}

int main(int argc, char **argv)
{
    int64_t count = 0, rounds = 0;
    if (argc == 3 && strcmp(argv[1], "people") == 0 &&
        parse_i64(bytes_from_string(argv[2]), 1, 100000000, &count, NULL) == ERR_OK) {
        write_people((uint64_t)count);
        return 0;
    }
    if (argc == 6 && strcmp(argv[1], "run") == 0 &&
        parse_i64(bytes_from_string(argv[4]), 1, 2000000, &count, NULL) == ERR_OK &&
        parse_i64(bytes_from_string(argv[5]), 1, 1000, &rounds, NULL) == ERR_OK)
        return run(argv[2], argv[3], (size_t)count, rounds);
    fprintf(stderr, "usage: bench-score people N | run FEATURES MODEL N ROUNDS\n");
    return 2;
}
