// Package config holds the configuration: one struct with every key, its
// default, the rules a value has to obey, the ways it is loaded, and what two
// configurations differ in. It knows no actors, processes or logs.
//
// A value is taken from the last of these that gives one:
//
//  1. Default
//  2. fields set in code
//  3. a file (Merge, MergeBytes, FromFile): only the keys it names
//  4. the environment: SERVERENGINE_CONFIG_<KEY>, read by Load
//
// In a loader of one's own, fields set after Merge win over the file; the
// environment wins over both.
//
// Keys that are none of ours belong to the user: they are kept, sent to the
// workers and read by Get, DecodeKey and Decode. A key that is nearly one of
// ours is taken for a typing mistake and refused.
package config
