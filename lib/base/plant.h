// SPDX-License-Identifier: MIT
#pragma once

// Deliberate bugs and crash points, none of them in what anybody installs: a build with PLANTED has
// them all, the environment of a process says which one it has (PLANT), or where and at which time
// it is killed (CRASH_AT=point:number) or stopped (PAUSE_AT, the same) by itself. Tests that are there to find such a bug must find it:
// a test that has never failed shows nothing. tests/chaos/README.md lists both.

#ifdef PLANTED

#include <stdbool.h>

bool plant_is(const char *bug);
void plant_crash(const char *point);
extern const char sql_plant_overwrite[];

#define PLANT(bug) plant_is(bug)
#define PLANT_OR(bug, planted, usual) (plant_is(bug) ? (planted) : (usual))
#define CRASH_POINT(point) plant_crash(point)

#else

#define PLANT(bug) false
#define PLANT_OR(bug, planted, usual) (usual)
#define CRASH_POINT(point) ((void)0)

#endif
