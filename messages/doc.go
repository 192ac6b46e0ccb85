// Package messages is the whole vocabulary of the supervision tree, as plain values.
//
// Three kinds of message exist, and no others:
//
//   - A [Command] is imperative and travels down: from whoever wants something to the
//     engine, from there to the server and on to the workers. No command is
//     acknowledged, except [Reload] and [GetStatus], which the top answers itself.
//   - An [Event] is in the past tense and travels up. Every event about a worker or a
//     server names its [Incarnation]; news of an incarnation that is gone changes nothing.
//   - [Requested] carries a wish from below to the top, which alone decides.
//
// The package imports nothing of this module: it knows configuration only as bytes with
// a version, and processes only as numbers.
package messages
