//! gatecheck
