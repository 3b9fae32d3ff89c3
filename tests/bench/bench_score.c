// SPDX-License-Identifier: MIT
// The C side of tests/bench/score. `people N` writes N synthetic people as CSV; `scores` writes
// what each of them gets, and why; `run` scores them ROUNDS times, EXPLAINED of them with reasons,
// and prints a line of JSON a round: nanoseconds of CPU per row.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/parse.h"
#include "model/model.h"
#include "model/parts.h"
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
    size_t count, explained;
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

// Rows that stand ready, as a matrix does for numpy: the first `count`, in whole blocks.
static double score_prepared(struct bench *bench, size_t count, bool has_reasons, double *ret_sum)
{
    double sum = 0, before = cpu_ns();
    size_t rows = 0;
    for (size_t b = 0; rows < count; b++) {
        model_block_score(bench->blocks[b], has_reasons, bench->scores);
        for (size_t i = 0; i < model_block_rows(bench->blocks[b]); i++)
            sum += bench->scores[i].probability;
        rows += model_block_rows(bench->blocks[b]);
    }
    *ret_sum = sum;
    return (cpu_ns() - before) / (double)rows;
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
    const size_t width = bench->features->count;
    const size_t rows = bench->explained < 20000 ? bench->explained : 20000;
    CLEANUP(model_block_free_p) struct model_block *block = model_block_new(bench->model, 1);
    double before = cpu_ns();
    for (size_t i = 0; i < rows; i++) {
        model_block_clear(block);
        model_block_put(block, bench->rows + i * width);
        model_block_score(block, true, bench->scores);
    }
    return (cpu_ns() - before) / (double)rows;
}

// False where this machine has no kernel of that name.
static bool use_kernel(struct model *model, const char *name)
{
    const struct kernel *kernels[KERNELS_MAX];
    const size_t count = kernels_available(kernels);
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, kernels[i]->name) == 0 || strcmp(name, "widest") == 0) {
            model_use_kernel(model, kernels[i]);
            return true;
        }
    return false;
}

// A line a row: its probability, then each reason and its weight.
static void write_scores(struct bench *bench)
{
    for (size_t b = 0; b < bench->block_count; b++) {
        model_block_score(bench->blocks[b], true, bench->scores);
        for (size_t i = 0; i < model_block_rows(bench->blocks[b]); i++) {
            const struct score *score = &bench->scores[i];
            printf("%.17g", score->probability);
            for (size_t k = 0; k < score->reason_count; k++)
                printf(",%s,%.17g", bench->features->attributes[score->reasons[k].attribute].name,
                       score->reasons[k].weight);
            printf("\n");
        }
    }
}

// A line from the script begins a round, so that its own sides run between ours.
static void run(struct bench *bench, int64_t rounds)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int64_t i = 0; i < rounds; i++) {
        char line[8];
        if (fgets(line, sizeof line, stdin) == NULL)
            break;
        double sum = 0, ignored = 0;
        double scored = score_prepared(bench, bench->count, false, &sum);
        double explained = score_prepared(bench, bench->explained, true, &ignored);
        printf("{\"score\":%.2f,\"reasons\":%.2f,\"values\":%.2f,\"alone\":%.2f,\"sum\":%.17g}\n",
               scored, explained, score_values(bench), score_alone(bench), sum);
    }
}

static bool bench_open(struct bench *bench, char **arguments)
{
    struct why why = {0};
    if (features_load(arguments[0], &bench->features, &why) != ERR_OK ||
        model_load(arguments[1], bench->features, &bench->model, &why) != ERR_OK) {
        fprintf(stderr, "bench-score: %s\n", why.text);
        return false;
    }
    if (!use_kernel(bench->model, arguments[2])) {
        fprintf(stderr, "bench-score: this machine has no kernel %s\n", arguments[2]);
        return false;
    }
    prepare(bench);
    return true;
}

static void bench_close(struct bench *bench)
{
    for (size_t b = 0; b < bench->block_count; b++)
        model_block_free(bench->blocks[b]);
    free(bench->blocks);
    free(bench->rows);
    model_free(bench->model);
    features_free(bench->features);
}

static bool is_count(const char *text, int64_t most, int64_t *ret)
{
    return parse_i64(bytes_from_string(text), 1, most, ret, NULL) == ERR_OK;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    int64_t count = 0, explained = 0, rounds = 0;
    if (argc == 3 && strcmp(what, "people") == 0 && is_count(argv[2], 100000000, &count)) {
        write_people((uint64_t)count);
        return 0;
    }
    const bool is_scores = argc == 6 && strcmp(what, "scores") == 0;
    const bool is_run = argc == 8 && strcmp(what, "run") == 0 &&
                        is_count(argv[6], 2000000, &explained) && is_count(argv[7], 1000, &rounds);
    if (!(is_scores || is_run) || !is_count(argv[5], 2000000, &count) || explained > count) {
        fprintf(stderr, "usage: bench-score people N | scores FEATURES MODEL KERNEL N |"
                        " run FEATURES MODEL KERNEL N EXPLAINED ROUNDS\n");
        return 2;
    }
    struct bench bench = {.count = (size_t)count, .explained = (size_t)explained};
    const bool is_open = bench_open(&bench, argv + 2);
    if (is_open && is_scores)
        write_scores(&bench);
    else if (is_open)
        run(&bench, rounds);
    bench_close(&bench);
    return is_open ? 0 : 1;
}
