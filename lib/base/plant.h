// SPDX-License-Identifier: MIT
#pragma once

// Deliberate bugs, none of them in what anybody installs: a build with one of these set to 1 must be
// caught by the tests that are there to find such a bug. A test that has never failed shows nothing.

// The producer does not look whether a request that ends a transaction was sent more than once.
#ifndef PLANT_GUARD_OFF
#define PLANT_GUARD_OFF 0
#endif
