// SPDX-License-Identifier: MIT
// Feeds every file of the folders given to a fuzz target, without a fuzzer: what was once found
// stays a test. Ends with a failure where a folder holds nothing, since a test of nothing proves
// nothing.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    size_t capacity = 4 * 1024 * 1024;
    uint8_t *bytes = malloc(capacity);
    size_t len = bytes == NULL ? 0 : fread(bytes, 1, capacity, file);
    fclose(file);
    // A copy of the exact size, so that a read beyond the end is seen.
    uint8_t *exact = malloc(len > 0 ? len : 1);
    for (size_t i = 0; exact != NULL && i < len; i++)
        exact[i] = bytes[i];
    free(bytes);
    if (exact != NULL)
        LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    return 1;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (folder == NULL)
            continue;
        for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
            if (entry->d_name[0] != '.')
                count += replay(argv[i], entry->d_name);
        closedir(folder);
    }
    printf("%d inputs\n", count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
