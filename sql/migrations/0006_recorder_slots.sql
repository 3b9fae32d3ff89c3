-- Which process holds a recorder's slot: the one that started last. The group of readers cannot say
-- it, because a process that slept and wakes takes its place there back without being asked.

CREATE TABLE recorder_slot (
    slot     text PRIMARY KEY, -- the name of the place in the group
    owner    text NOT NULL,    -- token of the process
    taken_at timestamptz NOT NULL DEFAULT now()
);
