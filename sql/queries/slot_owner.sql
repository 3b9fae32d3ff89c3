SELECT owner FROM recorder_slot WHERE slot = $1::text
