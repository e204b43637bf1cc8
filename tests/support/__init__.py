"""What tests share: real servers, isolated installations, real service processes."""
