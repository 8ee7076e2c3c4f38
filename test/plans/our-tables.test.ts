import { describePlans } from './describe-plans.js'

describePlans('our tables')
