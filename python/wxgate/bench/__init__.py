"""What a box carries: WeChat's part at a given rate, and what became of it.

`parts` says what an account sends and with which keys; `plan` writes a run for the player in
`crates/wxload`, which does all the work; `account` reads what came of it. `day` plays a whole day,
and `fleet` what a thousand nodes have in common.
"""
