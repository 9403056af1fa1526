// Package lists keeps runtime lists: entries that operators add to the lists of a
// pack, or take out of them, while servers run. They live in the store; every change
// is a line of the chain.
//
// A runtime entry is laid over the pack's own list of that name. An added value is a
// member as long as either says so; a masked one is what the runtime entry alone says.
// The lists of the kill switch (kill.bin and so on) belong to no pack and hold runtime
// entries alone.
package lists
