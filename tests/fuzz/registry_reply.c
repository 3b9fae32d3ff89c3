// SPDX-License-Identifier: MIT
// Any bytes as a schema registry's answers: to a schema's id, to a new schema. No answer may be
// taken for what it is not, or end the program.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "http/client.h"
#include "registry/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bytes reply;
static long status;

// In place of libcurl.
enum err http_client_new(const struct http_options *options UNUSED, struct http_client **ret,
                         struct why *why UNUSED)
{
    *ret = NULL;
    return ERR_OK;
}

void http_client_free(struct http_client *client UNUSED)
{
}

enum err http_send(struct http_client *client UNUSED, const struct http_request *request,
                   long *ret_status, struct text *ret_body, struct why *why UNUSED)
{
    text_clear(ret_body);
    *ret_status = strcmp(request->method, "PUT") == 0 ? 200 : status;
    return text_append(ret_body, reply.data, reply.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const long statuses[] = {200, 404, 422, 500, 301, 429, 0};
    if (size == 0)
        return 0;
    status = statuses[data[0] % ARRAY_LEN(statuses)];
    reply = bytes_of(data + 1, size - 1);
    CLEANUP(registry_close_p) struct registry *registry = NULL;
    struct why why = {0};
    const struct registry_options options = {.url = "http://127.0.0.1:1"};
    if (registry_open(&options, &registry, &why) != ERR_OK)
        abort();
    uint32_t id = 7;
    enum err err = registry_register(registry, "a-value", "{\"type\":\"string\"}", &id, &why);
    if ((err == ERR_OK && status != 200) || err == ERR_REJECT)
        abort();
    const char *schema = NULL, *again = NULL;
    err = registry_schema(registry, 7, &schema, &why);
    if ((err == ERR_OK) != (schema != NULL) || (err == ERR_OK && status != 200))
        abort();
    // What was accepted once is kept, and what is unknown stays so for a while.
    reply = bytes_of("", 0);
    if ((err == ERR_OK &&
         (registry_schema(registry, 7, &again, &why) != ERR_OK || again != schema)) ||
        (err == ERR_REJECT && registry_schema(registry, 7, &again, &why) != ERR_REJECT))
        abort();
    return 0;
}
