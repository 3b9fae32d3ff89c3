// SPDX-License-Identifier: MIT
#include "live_model.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "metrics.h"

// Models in a list, the present one first. One that is not the present one is freed when the last
// lane gives it back.

struct version {
    struct version *older;
    struct model *model;
    size_t users;
};

// By which a file is told from what it was: another one under the name, or the same one rewritten.
struct look {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct live_model {
    const char *path;
    const struct features *features;
    struct metrics *metrics;
    struct look loaded, seen; // of the file: when it was last read, at the last look
    pthread_mutex_t mutex;    // of the list
    struct version *versions;
};

static bool look_equal(const struct look *a, const struct look *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

// Zeros where there is no file: the one that comes differs.
static struct look look_at(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return (struct look){0};
    return (struct look){status.st_dev, status.st_ino, status.st_size, status.st_mtim};
}

static void count_load(const struct live_model *live, const char *outcome)
{
    metric_add(metrics_cell(live->metrics, METRIC_MODEL_LOADS, outcome, NULL), 1);
}

static void tell_present(const struct live_model *live, const struct model *model, double value)
{
    metric_set(metrics_cell(live->metrics, METRIC_MODEL, model_id(model), NULL), value);
}

// Frees what is old and in nobody's hands; the caller holds the mutex.
static void drop_unused(struct live_model *live)
{
    for (struct version **at = &live->versions->older; *at != NULL;) {
        struct version *version = *at;
        if (version->users > 0) {
            at = &version->older;
            continue;
        }
        *at = version->older;
        model_free(version->model);
        free(version);
    }
}

// Takes the model over.
static void put_first(struct live_model *live, struct model *model)
{
    struct version *version = mem_zalloc(sizeof *version);
    version->model = model;
    pthread_mutex_lock(&live->mutex);
    version->older = live->versions;
    live->versions = version;
    if (version->older != NULL)
        tell_present(live, version->older->model, 0);
    tell_present(live, model, 1);
    drop_unused(live);
    pthread_mutex_unlock(&live->mutex);
}

enum err live_model_open(const char *path, const struct features *features, struct metrics *metrics,
                         struct live_model **ret, struct why *why)
{
    CLEANUP(live_model_close_p) struct live_model *live = mem_zalloc(sizeof *live);
    *live = (struct live_model){.path = path, .features = features, .metrics = metrics};
    pthread_mutex_init(&live->mutex, NULL);
    live->loaded = live->seen = look_at(path); // before it is read: a change meanwhile is one
    struct model *model = NULL;
    enum err err = model_load(path, features, &model, why);
    if (err != ERR_OK)
        return err;
    put_first(live, model);
    *ret = live;
    live = NULL;
    return ERR_OK;
}

void live_model_close(struct live_model *live)
{
    if (live == NULL)
        return;
    while (live->versions != NULL) {
        struct version *version = live->versions;
        live->versions = version->older;
        model_free(version->model);
        free(version);
    }
    pthread_mutex_destroy(&live->mutex);
    free(live);
}

void live_model_look(struct live_model *live)
{
    struct look now = look_at(live->path);
    bool is_settled = look_equal(&now, &live->seen);
    live->seen = now;
    if (!is_settled || look_equal(&now, &live->loaded))
        return;
    live->loaded = now;
    struct model *model = NULL;
    struct why why = {0};
    const char *present = model_id(live->versions->model); // only this thread replaces it
    if (model_load(live->path, live->features, &model, &why) != ERR_OK) {
        count_load(live, "refused");
        log_error("model-refused", "file=%s model=%s why=\"%s\"", live->path, present, why.text);
        return;
    }
    if (strcmp(model_id(model), present) == 0) {
        model_free(model); // the same, written again
        return;
    }
    count_load(live, "taken");
    log_info("model-taken", "file=%s model=%s before=%s", live->path, model_id(model), present);
    put_first(live, model);
}

const struct model *live_model_take(struct live_model *live)
{
    pthread_mutex_lock(&live->mutex);
    live->versions->users++;
    const struct model *model = live->versions->model;
    pthread_mutex_unlock(&live->mutex);
    return model;
}

void live_model_give(struct live_model *live, const struct model *model)
{
    if (model == NULL)
        return;
    pthread_mutex_lock(&live->mutex);
    struct version *version = live->versions;
    while (version->model != model)
        version = version->older;
    version->users--;
    drop_unused(live);
    pthread_mutex_unlock(&live->mutex);
}
