// SPDX-License-Identifier: MIT
// What the Avro library loses is not our finding: parts of some schemas that it refuses (a refusal
// is kept per schema id, so what can be lost that way is bounded), and, where it is the oracle, the
// name of a map's item that comes twice.

// LeakSanitizer looks for this name, and finds it only where it is visible outside of the program.
const char *__lsan_default_suppressions(void); // NOLINT(bugprone-reserved-identifier)
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void)
{
    return "leak:libavro.so";
}
