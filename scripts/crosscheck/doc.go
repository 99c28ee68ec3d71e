// Package crosscheck compares our drivers with a second implementation, TinyGo's, on the same simulated parts: what both make of the
// same registers must agree. It is a module of its own, so that the second implementation is no dependency of the product.
//
// Neither side is taken for right. Where they differ, datasheet and kernel driver decide; what the second implementation is known to
// get wrong stands in the tables with the value that it gives instead, so that it is noticed when that changes.
package crosscheck
